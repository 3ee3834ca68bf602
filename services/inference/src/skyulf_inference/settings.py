"""Inference's settings."""

from typing import Self
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict
from skyulf_core.serving.explaining import MOST_CELLS
from skyulf_service.settings import ServiceSettings

SIGNERS = ("pipeline",)


class InferenceSettings(ServiceSettings):
    """Settings of inference; ``SKYULF_INFERENCE_…`` overrides what is shared."""

    model_config = SettingsConfigDict(env_prefix="SKYULF_INFERENCE_", env_file=".env", extra="ignore", frozen=True)
    service_name = "inference"

    max_rows: int = Field(default=10_000, ge=1, description="Most rows in one request")
    max_explained_rows: int = Field(default=100, ge=1, description="Most rows to explain in one request")
    max_explained_cells: int = Field(
        default=MOST_CELLS,
        ge=1,
        description="Most work of one explanation: rows x background rows x nodes, coefficients or columns",
    )
    explain_seconds: float = Field(
        default=10.0,
        gt=0,
        description="Most seconds of work for one explanation, by what its first rows take: more is refused",
    )
    explain_wait_seconds: float = Field(
        default=3.0, gt=0, description="A request for explanations waits no longer than this until it is begun"
    )
    max_explanations: int = Field(
        default=16, ge=1, description="Requests for explanations that a replica holds at a time"
    )
    only_deployment: UUID | None = Field(
        default=None, description="Id of the one deployment that this replica serves; default: all of them"
    )
    only_digest: str | None = Field(
        default=None,
        pattern=r"^[0-9a-f]{64}$",
        description="Digest of the one artifact that it serves there; default: whatever the deployment names",
    )
    reconcile_seconds: float = Field(
        default=0.1, gt=0, le=0.25, description="How often a replica that does not hear of changes looks for them"
    )
    replica_ttl_seconds: float = Field(default=5, gt=0, description="A replica that is silent for so long is gone")
    cache_bytes: int = Field(default=10 << 30, ge=1 << 20, description="Size of the disk cache of bundles")
    artifact_patience_seconds: float = Field(default=10, ge=0, description="How long a missing object is waited for")
    catch_up_seconds: float = Field(
        default=30.0, gt=0, description="How often missed events are looked for at registry, in the distributed form"
    )

    @model_validator(mode="after")
    def _pin_only_what_is_chosen(self) -> Self:
        if self.only_digest is not None and self.only_deployment is None:
            raise ValueError(
                "SKYULF_INFERENCE_ONLY_DIGEST is about one deployment: set SKYULF_INFERENCE_ONLY_DEPLOYMENT"
            )
        return self
