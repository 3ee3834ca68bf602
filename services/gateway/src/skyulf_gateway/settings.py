"""The gateway's settings."""

from typing import Annotated, Self

from pydantic import Field, SecretStr, StringConstraints, model_validator
from pydantic_settings import SettingsConfigDict
from skyulf_service.settings import ServiceSettings

Endpoint = Annotated[
    str, StringConstraints(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/[a-z0-9][a-z0-9._-]{0,62}$")
]
Address = Annotated[str, StringConstraints(pattern=r"^https?://[^/?#@]+/?$")]
NEIGHBOURS = ("ingestion", "pipeline", "registry", "inference")


class GatewaySettings(ServiceSettings):
    """Settings of the gateway; ``SKYULF_GATEWAY_…`` overrides what is shared."""

    model_config = SettingsConfigDict(env_prefix="SKYULF_GATEWAY_")
    service_name = "gateway"

    admin_key: SecretStr | None = Field(
        default=None, description="The first run's admin key, where it shall not be a random one (sk_…)"
    )
    max_body_bytes: int = Field(default=2**20, gt=0, description="Largest body of the gateway's own operations")
    key_cache_seconds: float = Field(default=5.0, ge=0, le=5, description="How long a verified key is believed")
    connect_seconds: float = Field(default=2.0, gt=0, description="How long a connection to a service may take")
    silence_seconds: float = Field(default=60.0, gt=0, description="How long a service may keep silent")
    connections_per_service: int = Field(default=256, ge=1)
    requests_per_service: int = Field(
        default=512, ge=1, description="Requests that one process hands to a service at a time; more are answered 503"
    )
    trusted_hosts: list[str] = Field(default=["*"], description="Host names that requests may name; * for all")
    cors_origins: list[str] = Field(default=[], description="Origins of web pages that may call the API")
    endpoints: dict[Endpoint, Address] = Field(
        default={}, description="Addresses of dedicated endpoints by <project id>/<deployment>, which are asked first"
    )
    endpoint_body_bytes: int = Field(
        default=64 << 20,
        ge=0,
        description="Memory for bodies beyond 64 KiB on their way to dedicated endpoints; "
        "those that do not fit go to the shared replicas",
    )
    event_retention_days: float = Field(default=30, gt=0, description="How long the event log is kept")
    audit_retention_days: float = Field(default=365, gt=0, description="How long the audit log is kept")
    catch_up_seconds: float = Field(
        default=30.0,
        gt=0,
        description="How often missed events are looked for at all services, in the distributed form",
    )
    most_event_streams: int = Field(default=1000, ge=1, description="Event streams open at a time, per process")
    heartbeat_seconds: float = Field(default=15.0, gt=0, description="Between comments on a silent event stream")

    @property
    def neighbours(self) -> dict[str, str]:
        """The addresses of the services behind the gateway."""
        return {name: str(getattr(self.shared, f"{name}_url")) for name in NEIGHBOURS}

    @model_validator(mode="after")
    def _refuse_plain_endpoints(self) -> Self:
        plain = [name for name, address in self.endpoints.items() if not address.startswith("https://")]
        if self.shared.refuses_plain and plain:
            raise ValueError(
                f"production needs TLS between services: begin the addresses of {', '.join(plain)} in "
                "SKYULF_GATEWAY_ENDPOINTS with https:// (`skyulf deployments render --tls` prints such endpoints), "
                "or set SKYULF_ALLOW_INSECURE on purpose"
            )
        return self
