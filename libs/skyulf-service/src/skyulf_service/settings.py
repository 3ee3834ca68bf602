"""Settings that services share: flags > environment > ``.env`` > ``skyulf.toml`` > profile > default."""

import os
from pathlib import Path
from typing import ClassVar, Literal, Self

from platformdirs import user_data_path
from pydantic import Field, SecretStr, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

Form = Literal["embedded", "distributed"]
Profile = Literal["development", "production", "testing"]


def home_folder() -> Path:
    """``SKYULF_HOME``, or the platform's folder for application data."""
    named = os.environ.get("SKYULF_HOME")
    return Path(named) if named else user_data_path("skyulf", appauthor=False)


class SharedSettings(BaseSettings):
    """What every process needs, read from ``SKYULF_…``."""

    model_config = SettingsConfigDict(env_prefix="SKYULF_", env_file=".env", extra="ignore", frozen=True)

    home: Path = Field(default_factory=home_folder, description="Where everything is kept")
    form: Form = Field(
        default="embedded", description="embedded: one process; distributed: Kafka, one process per role"
    )
    profile: Profile = "development"
    host: str = Field(default="127.0.0.1", description="The address that servers bind to")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["console", "json"] = "console"
    kafka_bootstrap: str = Field(default="127.0.0.1:9092", description="Kafka brokers, separated by commas")
    s3_endpoint: str | None = Field(default=None, description="host:port of the S3 API; unset: a folder below home")
    s3_access_key: str = ""
    s3_secret_key: SecretStr = SecretStr("")
    s3_secure: bool = False
    s3_region: str = "us-east-1"
    keys_dir: Path | None = Field(default=None, description="Folder of signing keys; default: keys below home")
    gateway_url: str = "http://127.0.0.1:8000"
    ingestion_url: str = "http://127.0.0.1:8001"
    pipeline_url: str = "http://127.0.0.1:8002"
    registry_url: str = "http://127.0.0.1:8003"
    inference_url: str = "http://127.0.0.1:8004"

    @property
    def keys_folder(self) -> Path:
        """The folder of signing and public keys."""
        return self.keys_dir or self.home / "keys"

    @property
    def objects_folder(self) -> Path:
        """The folder of objects, where no S3 endpoint is set."""
        return self.home / "objects"

    @property
    def cache_folder(self) -> Path:
        """The folder of what can be fetched again."""
        return self.home / "cache"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, environment, ``.env``, then ``skyulf.toml`` in the home folder."""
        toml = TomlConfigSettingsSource(settings_cls, home_folder() / "skyulf.toml")
        return init_settings, env_settings, dotenv_settings, file_secret_settings, toml


PORTS = {"gateway": 8000, "ingestion": 8001, "pipeline": 8002, "registry": 8003, "inference": 8004}


class ServiceSettings(BaseSettings):
    """Settings of one service. Subclasses set ``service_name`` and the prefix ``SKYULF_<SERVICE>_``.

    ``shared`` holds the settings that all services have in common.
    """

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True)
    service_name: ClassVar[str]

    shared: SharedSettings = Field(default_factory=SharedSettings)
    database_url: SecretStr | None = Field(default=None, description="Default: a SQLite file below home")
    database_pool_size: int = Field(default=10, ge=1, le=200)
    max_body_bytes: int = Field(default=16 << 20, ge=1024, description="Largest JSON body")
    port: int | None = Field(default=None, ge=0, le=65535)
    health_port: int | None = Field(default=None, ge=0, le=65535, description="Health of worker and runner")

    @property
    def database(self) -> str:
        """The SQLAlchemy URL of the service's database."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite+aiosqlite:///{self.shared.home / 'db' / f'{self.service_name}.sqlite3'}"

    @property
    def api_port(self) -> int:
        """The port of the HTTP API."""
        return PORTS[self.service_name] if self.port is None else self.port

    def role_port(self, role: str) -> int:
        """The port of a worker's or runner's health endpoint."""
        base = 8100 + 10 * (PORTS[self.service_name] - 8000)
        return base + {"worker": 1, "runner": 2}[role] if self.health_port is None else self.health_port

    @model_validator(mode="after")
    def _refuse_unsafe_production(self) -> Self:
        if (
            self.shared.profile == "production"
            and self.database.startswith("sqlite")
            and self.shared.form != "embedded"
        ):
            raise ValueError("production in the distributed form needs PostgreSQL: set the service's DATABASE_URL")
        return self
