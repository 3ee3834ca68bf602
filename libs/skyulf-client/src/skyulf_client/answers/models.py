"""Models, their versions, deployments and predictions."""

from datetime import datetime
from uuid import UUID

from pydantic import Field, JsonValue

from skyulf_client.answers.base import Answer, Failure, Page
from skyulf_client.answers.figures import Importance, MetricInterval


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
    intervals: dict[str, MetricInterval] = Field(default_factory=dict)
    decisions: dict[str, JsonValue] = Field(default_factory=dict)
    importances: list[Importance] = Field(default_factory=list)
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
    """Predictions in the order of the rows; ``probabilities`` (of each class, as text) is None for a regression.

    Where they were asked for, ``intervals`` of a regression hold the true number, or ``sets`` of labels the true class,
    as often as ``coverage`` says.
    """

    predictions: list[bool | int | float | str]
    probabilities: list[dict[str, float]] | None = None
    intervals: list[tuple[float, float]] | None = None
    sets: list[list[bool | int | float | str]] | None = None
    coverage: float | None = None
    deployment: str
    deployment_revision: int
    model: str
    model_version: int
    request_id: str = ""


class Contribution(Answer):
    """What one column, or feature, added to the score; ``error`` is its standard error where it is sampled."""

    name: str
    value: bool | int | float | str | None = None
    amount: float
    error: float = 0.0


class Explanation(Answer):
    """Why one row is answered as it is: ``base`` and the contributions, the largest first, add up to ``score``."""

    answer: bool | int | float | str
    probability: float | None = None
    base: float
    score: float
    contributions: list[Contribution]
    sentence: str


class Explanations(Answer):
    """Explanations in the order of the rows; ``method`` other than ``sampled`` is exact, ``unit`` is that of scores."""

    explanations: list[Explanation]
    method: str
    per: str
    unit: str
    background: int
    deployment: str
    deployment_revision: int
    model: str
    model_version: int
    request_id: str = ""
