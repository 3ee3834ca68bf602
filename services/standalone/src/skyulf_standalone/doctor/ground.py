"""What an installation stands on: settings, the data folder, its disk, the keys."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError
from pydantic_settings.exceptions import SettingsError
from skyulf_service.settings import ServiceSettings, SharedSettings, in_words
from skyulf_service.signing.keys import KeyFileError, load, load_public

from skyulf_standalone.doctor.finding import Finding
from skyulf_standalone.services import SERVICES, service_of

LEAST_FREE = 1 << 30
GIGABYTE = 1e9


def settings_of_all() -> tuple[dict[str, ServiceSettings], list[Finding]]:
    """The settings of every service, and what is wrong with them."""
    found, wrong = dict[str, ServiceSettings](), list[Finding]()
    for name in SERVICES:
        try:
            found[name] = service_of(name).settings()
        except (ValidationError, SettingsError, ValueError) as error:
            said = in_words(error) if isinstance(error, ValidationError) else str(error)
            wrong.append(Finding("settings", "fail", f"{name}: {said}", "see docs/architecture/operations.md"))
    if not wrong:
        wrong.append(Finding("settings", "ok", f"{found['gateway'].shared.form}, {found['gateway'].shared.profile}"))
    return found, wrong


def folder(home: Path) -> Finding:
    """Whether the data folder can be written to."""
    if not home.is_dir():
        return Finding("data folder", "fail", f"{home} does not exist", "set SKYULF_HOME, or start Skyulf once")
    if not os.access(home, os.W_OK | os.X_OK):
        return Finding(
            "data folder", "fail", f"{home} is not writable", f"give it to the user that runs Skyulf: {home}"
        )
    return Finding("data folder", "ok", str(home))


def disk(home: Path) -> Finding:
    """Whether there is room."""
    try:
        free = shutil.disk_usage(home).free
    except OSError as error:
        return Finding("disk", "fail", f"{home} cannot be looked at: {error.strerror}")
    text = f"{free / GIGABYTE:.1f} GB free below {home}"
    if free < LEAST_FREE:
        return Finding("disk", "fail", text, "make room: `skyulf retention` shows what may go, `cache` can be removed")
    return Finding("disk", "ok", text)


def keys(shared: SharedSettings) -> list[Finding]:
    """Whether every service's public key is there, and fits the private one where that is here."""
    path = shared.keys_folder
    if not path.is_dir():
        return [Finding("keys", "fail", f"there is no folder {path}", "start Skyulf once, or set SKYULF_KEYS_DIR")]
    wrong = [Finding("keys", "fail", text, advice) for text, advice in _key_faults(path)]
    if wrong:
        return wrong
    own = sorted(each.stem for each in path.glob("*.key"))
    return [Finding("keys", "ok", f"public keys of all services, private ones of {', '.join(own) or 'none'}")]


def _key_faults(path: Path) -> Iterator[tuple[str, str]]:
    for name in SERVICES:
        try:
            public = {key.kid for key in load_public(path, [name])}
        except KeyFileError as error:
            yield str(error), f"copy {name}.pub here, or restore it from a backup"
            continue
        if (path / f"{name}.key").exists():
            try:
                if load(path, name).kid not in public:
                    yield (
                        f"{name}.pub does not belong to {name}.key: what {name} signs is refused",
                        f"remove {name}.pub; the next start of {name} writes it anew",
                    )
            except KeyFileError as error:
                yield str(error), ""
