"""The registry's settings."""

from pydantic_settings import SettingsConfigDict
from skyulf_service.settings import ServiceSettings


class RegistrySettings(ServiceSettings):
    """Settings of the registry; ``SKYULF_REGISTRY_…`` overrides what is shared."""

    model_config = SettingsConfigDict(env_prefix="SKYULF_REGISTRY_")
    service_name = "registry"
