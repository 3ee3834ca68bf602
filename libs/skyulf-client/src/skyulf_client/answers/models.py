"""Models, their versions, deployments and predictions."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from skyulf_client.answers.base import Answer, Failure, Page


class Model(Answer):
    """A named series of versions; ``aliases`` name some of them."""

    id: UUID
    name: str
    description: str = ""
    latest_version: int
    aliases: dict[str, int] = Field(default_factory=dict)
    created_at: datetime
    updated_at: datetime


class Source(Answer):
    """One version of a dataset."""

    dataset_id: UUID
    version: int


class Lineage(Answer):
    """What a version was made from."""

    job_id: UUID
    pipeline_id: UUID
    pipeline_version: int
    pipeline_name: str
    dataset_id: UUID
    dataset_version: int
    sources: dict[str, Source] = Field(default_factory=dict)


class ModelVersion(Answer):
    """One trained model. ``digest`` is the SHA-256 of the signed manifest of its files."""

    id: UUID
    model: str
    version: int
    stage: str
    status: str
    task: str
    target: str
    estimator: str
    framework: str
    metrics: dict[str, float]
    digest: str
    lineage: Lineage
    created_at: datetime


class Serving(Answer):
    """The version that answers now."""

    model: str
    version: int


class Deployment(Answer):
    """What is wanted of a deployment, and what is really served."""

    id: UUID
    name: str
    revision: int
    desired: str
    model: str | None = None
    version: int | None = None
    status: str
    replicas: int = 0
    serving: Serving | None = None
    error: Failure | None = None
    created_at: datetime
    updated_at: datetime

    @property
    def settled(self) -> bool:
        """Whether inference has said what it makes of the newest revision."""
        return self.status in ("ready", "failed", "stopped")


class Revision(Answer):
    """One line of a deployment's history."""

    revision: int
    reason: str
    model: str | None = None
    version: int | None = None
    actor: str
    created_at: datetime


class Revisions(Page[Revision]):
    """A deployment's history, newest first."""


class Prediction(Answer):
    """Predictions in the order of the rows; ``probabilities`` (of each class, as text) is None for a regression."""

    predictions: list[bool | int | float | str]
    probabilities: list[dict[str, float]] | None = None
    deployment: str
    deployment_revision: int
    model: str
    model_version: int
    request_id: str = ""
