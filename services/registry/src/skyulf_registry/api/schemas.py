"""Bodies of the registry's requests and answers."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from skyulf_registry.api.dependencies import SLUG
from skyulf_registry.domain.deployments import Deployment, Desired, Observed, Reason, Revision
from skyulf_registry.domain.models import Model, ModelVersion, Stage, VersionStatus

Slug = Annotated[str, Field(pattern=SLUG, examples=["late-flights"])]
VersionNumber = Annotated[int, Field(ge=1, le=2**31 - 1)]


class Body(BaseModel):
    """A request's body: unknown fields are refused, because they are usually spelling mistakes."""

    model_config = ConfigDict(extra="forbid")


class ModelRead(BaseModel):
    """A named series of versions."""

    id: UUID
    name: str
    description: str
    latest_version: int = Field(description="The newest version's number; 0 before the first")
    aliases: dict[str, int] = Field(description="Alias to version number")
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, model: Model) -> Self:
        """A model as the API shows it."""
        return cls(**{name: getattr(model, name) for name in cls.model_fields})


class SourceRead(BaseModel):
    """One version of a dataset."""

    model_config = ConfigDict(from_attributes=True)

    dataset_id: UUID
    version: int


class LineageRead(BaseModel):
    """What a version was made from."""

    job_id: UUID
    pipeline_id: UUID
    pipeline_version: int
    pipeline_name: str
    dataset_id: UUID
    dataset_version: int
    sources: dict[str, SourceRead] = Field(
        description="The tables of the pipeline's further sources, by the name of the source"
    )


class MetricIntervalRead(BaseModel):
    """The range that holds a metric's true value in `confidence` of all cases."""

    model_config = ConfigDict(from_attributes=True)

    low: float
    high: float
    confidence: float


class ImportanceRead(BaseModel):
    """How much a version goes by one column."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    importance: float


class ModelVersionRead(BaseModel):
    """One trained model."""

    id: UUID
    model: str
    version: int
    stage: Stage
    status: VersionStatus
    task: str
    target: str
    estimator: str
    framework: str
    metrics: dict[str, float]
    intervals: dict[str, MetricIntervalRead] = Field(description="How sure the metrics are, by the bootstrap")
    decisions: dict[str, JsonValue] = Field(
        description="What was chosen after training: threshold, calibration, conformal; without large tables"
    )
    importances: list[ImportanceRead] = Field(description="What the model goes by, the largest first, at most 20")
    digest: str = Field(description="SHA-256 of the signed manifest of the model's files")
    size: int = Field(description="Size of the manifest in bytes")
    lineage: LineageRead
    created_at: datetime

    @classmethod
    def of(cls, version: ModelVersion) -> Self:
        """A version as the API shows it; where its files lie is nobody's business."""
        same = (
            "id", "model", "stage", "status", "task", "target", "estimator", "framework", "metrics", "decisions",
            "created_at",
        )  # fmt: skip
        lineage = {name: getattr(version.lineage, name) for name in LineageRead.model_fields}
        return cls(
            **{name: getattr(version, name) for name in same},
            intervals={name: MetricIntervalRead.model_validate(each) for name, each in version.intervals.items()},
            importances=[ImportanceRead.model_validate(each) for each in version.importances],
            version=version.number,
            digest=version.artifact.digest,
            size=version.artifact.size,
            lineage=LineageRead(**lineage),
        )


class StageWrite(Body):
    """The stage that a version shall have."""

    stage: Stage


class DeploymentTargetWrite(Body):
    """What to serve: a model by version or by alias; with neither its newest version."""

    model: Slug
    version: VersionNumber | None = None
    alias: Slug | None = None

    @model_validator(mode="after")
    def _one_way_to_choose(self) -> Self:
        if self.version is not None and self.alias is not None:
            raise ValueError("name a version or an alias, not both")
        return self


class DeploymentCreate(DeploymentTargetWrite):
    """A new deployment, or the next revision of the one that has this name."""

    name: Slug


class FailureRead(BaseModel):
    """Why a revision cannot be served."""

    code: str
    message: str


class ServingRead(BaseModel):
    """The version that answers now."""

    model: str
    version: int


class DeploymentRead(BaseModel):
    """What is wanted of a deployment, and what inference says of it."""

    id: UUID
    name: str
    revision: int
    desired: Desired
    model: str | None
    version: int | None
    status: Observed = Field(description="What inference observes of the newest revision")
    replicas: int = Field(description="Live replicas at the last report")
    serving: ServingRead | None = Field(description="What answers now; an older version while a new one loads")
    error: FailureRead | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, deployment: Deployment) -> Self:
        """A deployment as the API shows it."""
        d = deployment
        serving = None
        if d.serving_model is not None and d.serving_model_version is not None:
            serving = ServingRead(model=d.serving_model, version=d.serving_model_version)
        error = FailureRead(code=d.error_code, message=d.error_message or "") if d.error_code else None
        same = ("id", "name", "revision", "desired", "model", "replicas", "created_at", "updated_at")
        return cls(
            **{name: getattr(d, name) for name in same},
            version=d.model_version,
            status=d.observed,
            serving=serving,
            error=error,
        )


class RevisionRead(BaseModel):
    """One line of a deployment's history."""

    revision: int
    reason: Reason
    model: str | None
    version: int | None
    actor: str
    created_at: datetime

    @classmethod
    def of(cls, revision: Revision) -> Self:
        """A revision as the API shows it."""
        return cls(
            revision=revision.number,
            reason=revision.reason,
            model=revision.model,
            version=revision.model_version,
            actor=revision.actor,
            created_at=revision.created_at,
        )


class HistoryRead(BaseModel):
    """A deployment's history, newest first; at most 200 lines."""

    items: list[RevisionRead]
    next_cursor: Literal[None] = None
