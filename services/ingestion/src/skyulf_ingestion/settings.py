"""Ingestion's settings."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict
from skyulf_service.settings import ServiceSettings

BUCKET = "skyulf-ingestion"


class IngestionSettings(ServiceSettings):
    """Settings of ingestion; ``SKYULF_INGESTION_…`` overrides what is shared."""

    model_config = SettingsConfigDict(env_prefix="SKYULF_INGESTION_", env_file=".env", extra="ignore", frozen=True)
    service_name = "ingestion"

    max_upload_bytes: int = Field(default=10 << 30, ge=1, description="Largest upload")
    import_concurrency: int = Field(default=1, ge=1, le=64, description="Imports that one runner does at once")
    import_memory_bytes: int = Field(default=8 << 30, ge=256 << 20, description="Memory of one import's child")
    import_seconds: int = Field(default=1800, ge=1, description="Longest time of one import")
    lease_seconds: float = Field(default=15, gt=0, description="How long a silent runner keeps its work")
    leftovers_seconds: float = Field(
        default=1, gt=0, description="How often objects of failed, cancelled and deleted datasets are removed"
    )
    orphans_seconds: float = Field(
        default=3600, gt=0, description="How often the bucket is searched for objects that no dataset refers to"
    )
    orphan_grace_seconds: float = Field(
        default=86400, gt=0, description="How old an object must be before it counts as one that no dataset refers to"
    )
