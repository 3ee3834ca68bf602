"""What the settings in a backup name elsewhere than the settings that a restore goes by."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError
from pydantic_settings.exceptions import SettingsError
from skyulf_service.ports import PORTS
from skyulf_service.settings import SharedSettings, in_words
from skyulf_service.settings_sources import supposing
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from skyulf_standalone.services import SERVICES, service_of


@dataclass(frozen=True, slots=True)
class _Place:
    """Where something is. ``words`` shows no secret; ``access`` is what else must be equal to reach the same."""

    words: str
    access: tuple[object, ...] = field(default=(), repr=False)


def named_elsewhere(settings: bytes) -> list[str]:
    """The places that an installation would use with this ``skyulf.toml`` and does not now, in words without secrets.

    The environment goes before the file in both, so what it names never differs.
    """
    try:
        with supposing(tomllib.loads(settings.decode())):
            there = _places()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, SettingsError, ArgumentError) as error:
        return [f"it cannot be read ({str(error).rstrip('.')})"]
    except ValidationError as error:
        return [f"it cannot be used here ({in_words(error)})"]
    return _differences(there, _places())


def _differences(there: Mapping[tuple[str, str], _Place], here: Mapping[tuple[str, str], _Place]) -> list[str]:
    found: dict[str, list[str]] = {}
    for (what, service), place in there.items():
        if (own := here[what, service]) != place:
            told = f"here {own.words}" if own.words != place.words else "here with other credentials"
            found.setdefault(f"{what} of {{}}: {place.words} ({told})", []).append(service)
    return [words.replace("{}", ", ".join(services), 1) for words, services in found.items()]


def _places() -> dict[tuple[str, str], _Place]:
    """By what it is and whose."""
    found: dict[tuple[str, str], _Place] = {}
    for name in SERVICES:
        service = service_of(name)
        settings = service.settings()
        found["database", name] = _Place(make_url(settings.database).render_as_string(), (settings.database,))
        if service.buckets:
            found["objects", name] = _objects(settings.shared)
        found["keys", name] = _Place(str(settings.shared.keys_folder))
        found["events", name] = _events(settings.shared)
        found["neighbours", name] = _neighbours(settings.shared)
    return found


def _objects(shared: SharedSettings) -> _Place:
    if not shared.s3_endpoint:
        return _Place(str(shared.objects_folder))
    access = (shared.s3_access_key, shared.s3_secret_key, shared.s3_secure, shared.s3_region)
    return _Place(f"S3 at {shared.s3_endpoint}", access)


def _events(shared: SharedSettings) -> _Place:
    if shared.form == "embedded":
        return _Place("within one process")
    account = (shared.kafka_sasl_mechanism, shared.kafka_sasl_username, shared.kafka_sasl_password)
    return _Place(f"Kafka at {shared.kafka_bootstrap}", (shared.kafka_security_protocol, *account))


def _neighbours(shared: SharedSettings) -> _Place:
    if shared.form == "embedded":
        return _Place("within one process")
    return _Place(" ".join(str(getattr(shared, f"{name}_url")) for name in PORTS))
