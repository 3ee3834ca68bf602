"""Settings that services share: flags > environment > ``.env`` > ``skyulf.toml`` > profile > default."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from skyulf_service.ports import PORTS, api_port, health_port
from skyulf_service.settings_sources import PREFIX, PROFILES, Given, Variables, config_file, dotenv, home_folder

__all__ = ["Form", "Profile", "ServiceSettings", "SharedSettings", "home_folder", "in_words"]

Form = Literal["embedded", "distributed"]
Profile = Literal["development", "production", "testing"]
KafkaProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
NONE: frozenset[str] = frozenset()


class SharedSettings(BaseSettings):
    """What every process needs, read from ``SKYULF_…``."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    home: Path = Field(default_factory=home_folder, description="Where everything is kept")
    form: Form = Field(
        default="embedded", description="embedded: one process; distributed: Kafka, one process per role"
    )
    profile: Profile = "development"
    host: str = Field(default="127.0.0.1", description="The address that servers bind to")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["console", "json"] = "console"
    kafka_bootstrap: str = Field(default="127.0.0.1:9092", description="Kafka brokers, separated by commas")
    kafka_security_protocol: KafkaProtocol = Field(default="PLAINTEXT", description="How the brokers are spoken to")
    kafka_ca_file: Path | None = Field(
        default=None, description="PEM file of who signed the brokers' certificates; default: whom the system trusts"
    )
    kafka_sasl_mechanism: SaslMechanism = "SCRAM-SHA-512"
    kafka_sasl_username: str = Field(default="", description="Name at the brokers, with SASL_PLAINTEXT or SASL_SSL")
    kafka_sasl_password: SecretStr = SecretStr("")
    s3_endpoint: str | None = Field(default=None, description="host:port of the S3 API; unset: a folder below home")
    s3_access_key: str = ""
    s3_secret_key: SecretStr = SecretStr("")
    s3_secure: bool = False
    s3_region: str = "us-east-1"
    tls_cert_file: Path | None = Field(
        default=None,
        description="PEM file of the certificate that an api role shows (and its chain); unset: plain HTTP",
    )
    tls_key_file: Path | None = Field(default=None, description="PEM file of that certificate's key, not encrypted")
    tls_ca_file: Path | None = Field(
        default=None, description="PEM file of who signed the neighbours' certificates; default: whom the system trusts"
    )
    allow_insecure: bool = Field(
        default=False, description="Let production do without TLS to PostgreSQL, Kafka, S3 and neighbours"
    )
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
        """Flags, environment, ``.env``, ``skyulf.toml``, then the profile's defaults."""
        flags = init_settings()
        environment = Variables(cls, os.environ, [(PREFIX, NONE)])
        file = Variables(cls, dotenv(), [(PREFIX, NONE)])
        toml = config_file(flags.get("home"))
        layers: list[Mapping[str, object]] = [flags, environment(), file(), toml]
        profile = next((str(layer["profile"]) for layer in layers if "profile" in layer), "development")
        return init_settings, environment, file, Given(cls, toml), Given(cls, PROFILES.get(profile, {}))

    @property
    def refuses_plain(self) -> bool:
        """Whether nothing may go between processes that is not encrypted."""
        return self.profile == "production" and self.form == "distributed" and not self.allow_insecure

    @property
    def certificate(self) -> tuple[Path, Path] | None:
        """The files of the certificate that an api role shows, and of its key; None where it serves plain HTTP."""
        if self.tls_cert_file is None or self.tls_key_file is None:
            return None
        return self.tls_cert_file, self.tls_key_file

    @model_validator(mode="after")
    def _refuse_certificates_that_nobody_shows(self) -> Self:
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            raise ValueError("SKYULF_TLS_CERT_FILE and SKYULF_TLS_KEY_FILE go together: set both or none")
        if self.form == "embedded" and self.tls_cert_file is not None:
            raise ValueError(
                "SKYULF_TLS_CERT_FILE is for processes of the distributed form: "
                "put a reverse proxy before one that runs everything"
            )
        return self

    @model_validator(mode="after")
    def _refuse_unsafe_production(self) -> Self:
        if self.profile == "production" and self.s3_endpoint and not (self.s3_secure or self.allow_insecure):
            raise ValueError("production needs TLS to S3: set SKYULF_S3_SECURE, or SKYULF_ALLOW_INSECURE on purpose")
        if self.refuses_plain and not self.kafka_security_protocol.endswith("SSL"):
            raise ValueError(
                "production needs TLS to Kafka: set SKYULF_KAFKA_SECURITY_PROTOCOL to SASL_SSL or SSL, "
                "or SKYULF_ALLOW_INSECURE on purpose"
            )
        addresses = {f"SKYULF_{name.upper()}_URL": str(getattr(self, f"{name}_url")) for name in PORTS}
        plain = [name for name, address in addresses.items() if not address.startswith("https://")]
        if self.refuses_plain and plain:
            raise ValueError(
                f"production needs TLS between services: begin {', '.join(plain)} with https://, "
                "or set SKYULF_ALLOW_INSECURE on purpose"
            )
        return self


class ServiceSettings(BaseSettings):
    """Settings of one service. Subclasses set ``service_name`` and the prefix ``SKYULF_<SERVICE>_``.

    ``shared`` holds the settings that all services have in common; ``SKYULF_<SERVICE>_LOG_LEVEL`` changes one of them
    for this service. Other fields are also read without the service's name, except those that only one may have.
    ``skyulf.toml`` has a table per service.
    """

    model_config = SettingsConfigDict(extra="ignore", frozen=True)
    service_name: ClassVar[str]
    own: ClassVar[frozenset[str]] = frozenset({"shared", "database_url", "port", "health_port"})

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
        return api_port(self.service_name) if self.port is None else self.port

    def role_port(self, role: str) -> int:
        """The port of a worker's or runner's health endpoint."""
        return health_port(self.service_name, role) if self.health_port is None else self.health_port

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, environment, ``.env``, ``skyulf.toml``; in each the service's own name comes first."""
        flags = init_settings()
        prefixes = [(cls._prefix(), frozenset({"shared"})), (PREFIX, cls.own)]
        toml = config_file()
        table = toml.get(cls.service_name)
        values = {
            **{name: value for name, value in toml.items() if name not in cls.own},
            **(table if isinstance(table, dict) else {}),
        }
        layers = [Variables(cls, os.environ, prefixes), Variables(cls, dotenv(), prefixes), Given(cls, values)]
        shared = {} if "shared" in flags else {"shared": cls._shared(table if isinstance(table, dict) else {})}
        return init_settings, *layers, Given(cls, shared)

    @classmethod
    def _prefix(cls) -> str:
        return f"{PREFIX}{cls.service_name.upper()}_"

    @classmethod
    def _shared(cls, table: Mapping[str, object]) -> SharedSettings:
        mine = [(cls._prefix(), NONE)]
        overrides: dict[str, object] = {name: table[name] for name in SharedSettings.model_fields if name in table}
        overrides.update(Variables(SharedSettings, dotenv(), mine)())
        overrides.update(Variables(SharedSettings, os.environ, mine)())
        return SharedSettings(**overrides)  # type: ignore[arg-type]

    @model_validator(mode="after")
    def _refuse_unsafe_production(self) -> Self:
        if self.shared.profile != "production":
            return self
        if self.database.startswith("sqlite") and self.shared.form != "embedded":
            raise ValueError("production in the distributed form needs PostgreSQL: set the service's DATABASE_URL")
        encrypted = any(word in self.database for word in ("ssl=require", "ssl=verify"))
        if not self.database.startswith("sqlite") and not (encrypted or self.shared.allow_insecure):
            raise ValueError(
                "production needs TLS to PostgreSQL: end the DATABASE_URL with ?ssl=verify-full, "
                "or set SKYULF_ALLOW_INSECURE on purpose"
            )
        return self


def in_words(error: ValidationError) -> str:
    """Say what is wrong with settings, without what was read: that may be a password."""
    problems = [(".".join(map(str, each["loc"])), each["msg"]) for each in error.errors(include_input=False)]
    return "; ".join(f"{where}: {message}" if where else message for where, message in problems)
