"""Trials: what was tried, and how it ended."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Self, TypeAlias, cast

from pydantic import JsonValue

State: TypeAlias = Literal["running", "complete", "pruned", "failed", "stopped"]
ENDED: frozenset[str] = frozenset({"complete", "pruned", "failed"})


@dataclass(frozen=True)
class Fold:
    """One fold of a trial: its metrics by name, and the seconds it took."""

    index: int
    metrics: dict[str, float]
    seconds: float

    def to_dict(self) -> dict[str, JsonValue]:
        """Return JSON values; a metric that is undefined is left out."""
        metrics: dict[str, JsonValue] = {name: value for name, value in self.metrics.items() if math.isfinite(value)}
        return {"index": self.index, "metrics": metrics, "seconds": self.seconds}


@dataclass(frozen=True)
class Trial:
    """Values of the parameters that were searched, and what came of them.

    `score` is the mean of the metric over the folds, in the metric's own unit; None until all folds are done. A trial
    that is `stopped` goes on where it ended when the study is resumed. `round` counts the rounds of halving, and
    `resource` is what the trial was given in it. `error` says why it failed, `seconds` how long its folds took. `part`
    names the outer fold of a nested validation whose study it belongs to, empty for the study of all training rows.
    """

    number: int
    params: dict[str, JsonValue]
    state: State = "running"
    score: float | None = None
    folds: tuple[Fold, ...] = ()
    seconds: float = 0.0
    error: str | None = None
    round: int = 0
    resource: int | None = None
    worker: str | None = field(default=None, compare=False)
    part: str = ""

    @property
    def ended(self) -> bool:
        """Whether there is nothing left to do."""
        return self.state in ENDED

    def scores(self, metric: str) -> list[float]:
        """Return the metric of the folds that are done."""
        return [fold.metrics[metric] for fold in self.folds]

    def to_dict(self) -> dict[str, JsonValue]:
        """Return JSON values."""
        return {
            "number": self.number, "params": self.params, "state": self.state, "score": self.score,
            "folds": [fold.to_dict() for fold in self.folds], "seconds": self.seconds, "error": self.error,
            "round": self.round, "resource": self.resource, "part": self.part,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, written: Mapping[str, JsonValue]) -> Self:
        """Read what `to_dict` has written."""
        folds = cast("list[dict[str, JsonValue]]", written["folds"])
        values = {**written, "folds": tuple(Fold(**fold) for fold in folds)}  # type: ignore[arg-type]
        return cls(**values)  # type: ignore[arg-type]  # written by to_dict


def best_of(trials: Sequence[Trial], *, greater_is_better: bool) -> Trial | None:
    """Return the best complete trial, the first of equal ones; of halving only those of the last round count."""
    complete = [trial for trial in trials if trial.state == "complete" and trial.score is not None]
    last = max((trial.round for trial in complete), default=0)
    sign = -1.0 if greater_is_better else 1.0
    return min(
        (trial for trial in complete if trial.round == last),
        key=lambda trial: (sign * (trial.score or 0.0), trial.number),
        default=None,
    )
