"""References that events carry instead of data."""

from typing import Annotated, TypeAlias
from uuid import UUID

from pydantic import Field, JsonValue

from skyulf_events.envelope import Payload

SHA256 = r"^[0-9a-f]{64}$"


class ObjectRef(Payload):
    """An immutable object in a service's bucket, named by its key and its content's hash. ``size`` is in bytes."""

    bucket: str
    key: str
    sha256: str = Field(pattern=SHA256)
    size: int = Field(ge=0)


class ArtifactRef(Payload):
    """A signed manifest in a bucket; ``digest`` is the SHA-256 of the manifest's bytes. ``size`` is in bytes."""

    bucket: str
    key: str
    digest: str = Field(pattern=SHA256)
    size: int = Field(ge=0)


class ColumnField(Payload):
    """A column of a dataset: its name, its logical type and whether it holds nulls."""

    name: str
    type: str
    nullable: bool


class Failure(Payload):
    """Why something failed: a stable code and a sentence for people."""

    code: str
    message: str


class DatasetPin(Payload):
    """One version of a dataset."""

    dataset_id: UUID
    version: int = Field(ge=1)


class PipelinePin(Payload):
    """One version of a pipeline."""

    pipeline_id: UUID
    version: int = Field(ge=1)


class BestTrial(Payload):
    """The best complete trial of a study: its number, and its score in the metric's own unit."""

    trial: int = Field(ge=0)
    metric: str
    score: float


class MetricInterval(Payload):
    """The range that holds a metric's true value in ``confidence`` (0.95: 95 %) of all cases, by the bootstrap."""

    low: float
    high: float
    confidence: float = Field(gt=0, lt=1)


class FeatureImportance(Payload):
    """How much worse a model is where one column's values are shuffled; without such figures, the model's own share."""

    name: str
    importance: float


Intervals: TypeAlias = Annotated[
    dict[str, MetricInterval],
    Field(description="How sure the metrics are, where held-out rows have been drawn from again"),
]
Decisions: TypeAlias = Annotated[
    dict[str, JsonValue],
    Field(
        description="What was chosen after training, from answers to rows that were not learned from: threshold, "
        "calibration, conformal; without large tables"
    ),
]
Importances: TypeAlias = Annotated[
    tuple[FeatureImportance, ...],
    Field(description="What the model goes by: at most 20 columns, the largest first"),
]
