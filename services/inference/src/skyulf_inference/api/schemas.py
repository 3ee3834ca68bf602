"""Bodies of inference's requests and answers, as the OpenAPI document shows them."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue, WithJsonSchema

from skyulf_inference.domain.serving import ReplicaState, ReplicaStatus

# said in place: the document has no room for definitions of a body that is read by hand
Value = Annotated[JsonValue, WithJsonSchema({})]
Row = Annotated[dict[str, Value], Field(examples=[{"carrier": "UA", "origin": "EWR", "distance": 1400}])]


class PredictRequest(BaseModel):
    """One row or several; the fields are the columns of the training data without the target."""

    model_config = ConfigDict(extra="forbid")

    rows: list[Row] | None = Field(None, description="Rows to predict; at most 10,000")
    row: Row | None = Field(None, description="One row, in place of `rows`")
    intervals: bool = Field(
        False, description="Whether to say how sure the answers are, where the model has learned it"
    )


class PredictRead(BaseModel):
    """Predictions in the order of the rows."""

    predictions: list[bool | int | float | str]
    probabilities: list[dict[str, float]] | None = Field(description="Probability of each class; null for regression")
    intervals: list[tuple[float, float]] | None = Field(
        None, description="Where asked for, of a regression: low and high, which hold the true number so often"
    )
    sets: list[list[bool | int | float | str]] | None = Field(
        None,
        description="Where asked for, of a classification: labels, among which the true one is so often, chosen by "
        "probability: a prediction that a threshold decides may lie outside",
    )
    coverage: float | None = Field(None, description="How often, from 0 to 1; null where nothing was asked for")
    deployment: str
    deployment_revision: int
    model: str
    model_version: int
    request_id: str


class ExplainRequest(BaseModel):
    """One row or several; the fields are the columns of the training data without the target."""

    model_config = ConfigDict(extra="forbid")

    rows: list[Row] | None = Field(None, description="Rows to explain; at most 100")
    row: Row | None = Field(None, description="One row, in place of `rows`")


class ContributionRead(BaseModel):
    """What one column, or feature, added to the score."""

    name: str = Field(examples=["distance"])
    value: bool | int | float | str | None = Field(description="The row's value", examples=[1400])
    amount: float = Field(examples=[0.182])
    error: float = Field(description="Standard error where it is sampled, else 0", examples=[0.0])


class ExplanationRead(BaseModel):
    """Why one row is answered as it is: `base` and the contributions add up to `score`."""

    answer: bool | int | float | str = Field(examples=["late"])
    probability: float | None = Field(description="That of the answer, after calibration", examples=[0.81])
    base: float = Field(description="The mean score of the background rows", examples=[0.34])
    score: float = Field(examples=[0.81])
    contributions: list[ContributionRead] = Field(description="The largest first")
    sentence: str = Field(examples=["delay is late (81% sure) because distance is 1400 (+0.182)."])


class ExplainRead(BaseModel):
    """Explanations in the order of the rows, and what their numbers are."""

    explanations: list[ExplanationRead]
    method: Literal["linear", "trees", "enumerated", "sampled"] = Field(
        description="All but `sampled` are exact Shapley values over the background rows"
    )
    per: Literal["column", "feature"] = Field(
        description="Features of the model, in place of columns, where rows follow on each other"
    )
    unit: Literal["probability", "log-odds", "score", "value", "logarithm", "share"] = Field(
        description="That of scores; calibration and threshold come after log-odds, score and logarithm"
    )
    background: int = Field(description="How many training rows the row is compared with", examples=[100])
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
