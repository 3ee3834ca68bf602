"""Inference's settings."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict
from skyulf_service.settings import ServiceSettings

SIGNERS = ("pipeline",)


class InferenceSettings(ServiceSettings):
    """Settings of inference; ``SKYULF_INFERENCE_…`` overrides what is shared."""

    model_config = SettingsConfigDict(env_prefix="SKYULF_INFERENCE_", env_file=".env", extra="ignore", frozen=True)
    service_name = "inference"

    max_rows: int = Field(default=10_000, ge=1, description="Most rows in one request")
    reconcile_seconds: float = Field(default=0.1, gt=0, le=0.25, description="How often a replica looks for changes")
    replica_ttl_seconds: float = Field(default=5, gt=0, description="A replica that is silent for so long is gone")
    cache_bytes: int = Field(default=10 << 30, ge=1 << 20, description="Size of the disk cache of bundles")
    artifact_patience_seconds: float = Field(default=10, ge=0, description="How long a missing object is waited for")
    catch_up_seconds: float = Field(
        default=30.0, gt=0, description="How often missed events are looked for at registry, in the distributed form"
    )
