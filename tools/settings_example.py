"""``.env.example``: every setting, what it means and its default, read from the settings classes."""

from collections.abc import Iterator
from enum import Enum
from importlib import import_module

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings
from skyulf_service.settings import ServiceSettings, SharedSettings

SERVICES = ("gateway", "ingestion", "pipeline", "registry", "inference")
HEAD = """\
# Every setting with its default. Copy to .env and remove the # where you want another value.
# Flags go before the environment, the environment before .env, .env before skyulf.toml in SKYULF_HOME.
# Made by `make contracts`.
"""


def env_example() -> str:
    """Write the file."""
    sections = [section("Shared by all services", SharedSettings)]
    sections += [section(f"The {name} service", settings_of(name)) for name in SERVICES]
    return "\n".join([HEAD, *sections])


def settings_of(name: str) -> type[ServiceSettings]:
    """Return the settings class of a service."""
    found: type[ServiceSettings] = import_module(f"skyulf_{name}.main").SERVICE.settings
    return found


def section(title: str, settings: type[BaseSettings]) -> str:
    """Write one class's settings."""
    prefix = str(settings.model_config.get("env_prefix", ""))
    return "\n".join([f"# {title}", *lines(prefix, settings), ""])


def lines(prefix: str, settings: type[BaseSettings]) -> Iterator[str]:
    """Write one line for each setting, after its description where it has one."""
    for name, field in settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseSettings):
            continue
        if field.description:
            yield f"# {field.description}"
        yield f"#{prefix}{name.upper()}={default(field)}"


def default(field: FieldInfo) -> str:
    """Write a setting's default as the environment would have it; empty where it depends on the machine or is unset."""
    value = field.default if field.default_factory is None else None
    if value is None or field.is_required():
        return ""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Enum):
        return str(value.value)
    return field_text(value)


def field_text(value: object) -> str:
    """Write a plain value: lists as JSON, truth in lower case."""
    if isinstance(value, list | tuple):
        return "[" + ",".join(f'"{item}"' for item in value) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)
