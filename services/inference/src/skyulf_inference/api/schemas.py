"""Bodies of inference's requests and answers, as the OpenAPI document shows them."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from skyulf_inference.domain.serving import ReplicaState, ReplicaStatus

Row = Annotated[dict[str, JsonValue], Field(examples=[{"carrier": "UA", "origin": "EWR", "distance": 1400}])]


class PredictRequest(BaseModel):
    """One row or several; the fields are the columns of the training data without the target."""

    model_config = ConfigDict(extra="forbid")

    rows: list[Row] | None = Field(None, description="Rows to predict; at most 10,000")
    row: Row | None = Field(None, description="One row, in place of `rows`")


class PredictRead(BaseModel):
    """Predictions in the order of the rows."""

    predictions: list[bool | int | float | str]
    probabilities: list[dict[str, float]] | None = Field(description="Probability of each class; null for regression")
    deployment: str
    deployment_revision: int
    model: str
    model_version: int
    request_id: str


class ReplicaRead(BaseModel):
    """What one replica says of the newest revision."""

    replica_id: UUID
    revision: int
    status: ReplicaStatus
    serving_revision: int | None
    error_code: str | None
    error_message: str | None

    @classmethod
    def of(cls, state: ReplicaState) -> Self:
        """A replica's state as the API shows it."""
        return cls(**{name: getattr(state, name) for name in cls.model_fields})


class ReplicasRead(BaseModel):
    """The live replicas of a deployment."""

    items: list[ReplicaRead]
    live: int
