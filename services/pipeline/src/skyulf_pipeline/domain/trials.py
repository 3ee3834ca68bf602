"""Trials of a tuning: what was tried, how far it is, and which is the best."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, Field, JsonValue, ValidationError
from skyulf_service.work.failures import INVALID_RESULT, ChildFailedError

MOST_TRIALS = 10_000
"""So many trials a study may have here, which keeps each of them."""
NO_TRIAL = "no-trial"
"""The library's reason where a study ended before any trial was complete."""


class TrialState(StrEnum):
    """Where a trial is; one that is ``stopped`` goes on when its study does."""

    RUNNING = "running"
    COMPLETE = "complete"
    PRUNED = "pruned"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class BestTrial:
    """The best complete trial of a study: its number, and its score in the metric's own unit."""

    trial: int
    metric: str
    score: float


class FoldTold(BaseModel):
    """One fold that is done."""

    index: int = Field(ge=0)
    metrics: dict[str, Annotated[float, Field(allow_inf_nan=False)]]
    seconds: float = Field(ge=0)


class TrialTold(BaseModel):
    """A trial as it stands; read strictly, since the child is not trusted. ``changed_at`` is the parent's to know."""

    number: int = Field(ge=0, lt=MOST_TRIALS)
    params: dict[str, JsonValue]
    state: TrialState
    score: float | None = Field(allow_inf_nan=False)
    folds: list[FoldTold]
    seconds: float = Field(ge=0, allow_inf_nan=False)
    error: str | None
    round: int = Field(ge=0, lt=2**31)
    resource: int | None = Field(ge=0, lt=2**63)
    part: str = Field(pattern=r"^(outer-\d{1,4})?$", description="The outer fold of a nested validation, or empty")


class BestTold(BaseModel):
    """Which trial is the best so far."""

    trial: int = Field(ge=0, lt=MOST_TRIALS)
    metric: str = Field(max_length=200)
    score: float = Field(allow_inf_nan=False)


class Told(BaseModel):
    """What a tuning's child tells: a trial that has changed, the best so far, lines for the job's log."""

    trial: TrialTold | None = None
    best: BestTold | None = None
    lines: Annotated[list[Annotated[str, Field(max_length=1_000)]], Field(max_length=200)] = []

    @classmethod
    def of(cls, value: Mapping[str, JsonValue]) -> Self:
        """Read what a child told, or raise `ChildFailedError`."""
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            raise ChildFailedError(INVALID_RESULT, "The tuning told of a trial that cannot be read.") from error

    @property
    def best_trial(self) -> BestTrial | None:
        """The best so far."""
        return None if self.best is None else BestTrial(self.best.trial, self.best.metric, self.best.score)


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial as it is kept, and when it last changed."""

    told: TrialTold
    changed_at: datetime
