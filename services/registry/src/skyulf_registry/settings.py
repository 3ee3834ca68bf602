"""The registry's settings."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict
from skyulf_service.settings import ServiceSettings


class RegistrySettings(ServiceSettings):
    """Settings of the registry; ``SKYULF_REGISTRY_…`` overrides what is shared."""

    model_config = SettingsConfigDict(env_prefix="SKYULF_REGISTRY_")
    service_name = "registry"

    catch_up_seconds: float = Field(
        default=30.0,
        gt=0,
        description="How often missed events are looked for at pipeline and inference, in the distributed form",
    )
