"""Where settings come from: environment, ``.env``, secret files, ``skyulf.toml``, profile."""

import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from dotenv import dotenv_values
from platformdirs import user_data_path
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource
from pydantic_settings.exceptions import SettingsError

PREFIX = "SKYULF_"
PROFILES: Mapping[str, Mapping[str, object]] = {
    "development": {},
    "testing": {"log_level": "warning"},
    "production": {"log_format": "json"},
}
_SUPPOSED: ContextVar[Mapping[str, object] | None] = ContextVar("supposed_config_file", default=None)


def dotenv() -> dict[str, str]:
    """The variables of ``.env`` in the working folder."""
    return {name: value for name, value in dotenv_values(".env").items() if value is not None}


def home_folder() -> Path:
    """``SKYULF_HOME``, or the platform's folder for application data."""
    named = os.environ.get(f"{PREFIX}HOME") or dotenv().get(f"{PREFIX}HOME")
    return Path(named) if named else user_data_path("skyulf", appauthor=False)


@contextmanager
def supposing(content: Mapping[str, object]) -> Iterator[None]:
    """Within the block settings are read as if ``skyulf.toml`` had this content."""
    token = _SUPPOSED.set(content)
    try:
        yield
    finally:
        _SUPPOSED.reset(token)


def config_file(home: object = None) -> dict[str, object]:
    """The content of ``skyulf.toml`` in the home folder; empty where there is none."""
    if (supposed := _SUPPOSED.get()) is not None:
        return dict(supposed)
    path = (Path(str(home)) if home else home_folder()) / "skyulf.toml"
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from error


class Variables(PydanticBaseSettingsSource):
    """Variables by name. The first prefix wins; ``…_FILE`` names a file that holds the value, such as a secret."""

    def __init__(
        self,
        settings_cls: type[BaseSettings],
        variables: Mapping[str, str],
        prefixes: Sequence[tuple[str, frozenset[str]]],
    ) -> None:
        super().__init__(settings_cls)
        self._variables = {name.upper(): value for name, value in variables.items()}
        self._prefixes = prefixes

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[str | None, str, bool]:
        """Find a field's text."""
        for prefix, excluded in self._prefixes:
            if field_name not in excluded:
                found = self._text(f"{prefix}{field_name}".upper())
                if found is not None:
                    return found, field_name, self.field_is_complex(field)
        return None, field_name, False

    def __call__(self) -> dict[str, object]:
        """All values that are set."""
        values: dict[str, object] = {}
        for name, field in self.settings_cls.model_fields.items():
            text, key, is_complex = self.get_field_value(field, name)
            if text is not None:
                values[key] = self._decoded(name, field, text) if is_complex else text
        return values

    def _decoded(self, name: str, field: FieldInfo, text: str) -> object:
        try:
            return self.decode_complex_value(name, field, text)
        except ValueError as error:
            raise SettingsError(f"the setting {name} must be JSON, not {text!r}") from error

    def _text(self, name: str) -> str | None:
        if name in self._variables:
            return self._variables[name]
        path = self._variables.get(f"{name}_FILE")
        if path is None:
            return None
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingsError(f"{name}_FILE cannot be read: {error}") from error


class Given(PydanticBaseSettingsSource):
    """Values that are known already, as far as the class has such fields."""

    def __init__(self, settings_cls: type[BaseSettings], values: Mapping[str, object]) -> None:
        super().__init__(settings_cls)
        self._values = values

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[object, str, bool]:
        """Find a field's value."""
        return self._values.get(field_name), field_name, False

    def __call__(self) -> dict[str, object]:
        """All values of known fields."""
        return {name: self._values[name] for name in self.settings_cls.model_fields if name in self._values}
