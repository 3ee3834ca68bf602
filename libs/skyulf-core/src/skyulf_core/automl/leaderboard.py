"""What was tried, best first, and what came of it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from pydantic import JsonValue

from skyulf_core.pipeline.resolved import Resolved
from skyulf_core.tuning.trial import Trial

if TYPE_CHECKING:
    import polars as pl

Stage: TypeAlias = Literal["first look", "tuned", "stack"]
End: TypeAlias = Literal["budget", "done", "stopped"]
"""What ended the search; `done`: nothing can be better than the best."""


@dataclass(frozen=True)
class Entry:
    """A candidate: its family and parameters, its score (mean over its folds) with the spread between them.

    Entries of a greater `round` were judged on more rows or folds: they stand above all of smaller ones, whose scores
    are not of the same rows. `error` says why there is no score.
    """

    number: int
    family: str
    params: dict[str, JsonValue]
    stage: Stage
    state: str
    score: float | None
    spread: float | None
    folds: int
    rows: int
    seconds: float
    round: int
    error: str | None = None

    def to_dict(self) -> dict[str, JsonValue]:
        """Return JSON values."""
        return {
            "number": self.number, "family": self.family, "params": self.params, "stage": self.stage,
            "state": self.state, "score": self.score, "spread": self.spread, "folds": self.folds, "rows": self.rows,
            "seconds": self.seconds, "round": self.round, "error": self.error,
        }  # fmt: skip


@dataclass(frozen=True)
class Spare:
    """What is trained instead of the best, where that takes too long, and the seconds that training it may take."""

    entry: Entry
    resolved: Resolved
    seconds: float


@dataclass(frozen=True)
class AutoResult:
    """What the search found.

    `resolved` is the best pipeline, `leaderboard` everything that was tried, the best first; the best of many is
    judged too well, which is what held-out rows are for. `notes` say what was left out and what to look at, `seconds`
    how long the search took, of the `budget` that the final training belongs to as well. `spare` is None where nothing
    takes much less to train, `threads` to how many the final training is held.
    """

    best: Entry
    metric: str
    leaderboard: tuple[Entry, ...]
    resolved: Resolved
    notes: tuple[str, ...]
    seconds: float
    budget: float
    end: End
    spare: Spare | None = field(default=None, repr=False)
    threads: int | None = field(default=None, repr=False)

    @property
    def best_config(self) -> dict[str, JsonValue]:
        """The configuration of the best pipeline: nothing in it is automatic any more."""
        return self.resolved.to_dict()

    def table(self) -> pl.DataFrame:
        """Return a row per candidate, the best first."""
        import polars as pl

        rows = [
            {
                "rank": rank, "family": entry.family, "score": entry.score, "spread": entry.spread,
                "folds": entry.folds, "rows": entry.rows, "seconds": round(entry.seconds, 3), "stage": entry.stage,
                "state": entry.state, "params": _text(entry.params), "error": entry.error,
            }
            for rank, entry in enumerate(self.leaderboard, start=1)
        ]  # fmt: skip
        return pl.DataFrame(rows, infer_schema_length=None)

    def to_dict(self) -> dict[str, JsonValue]:
        """Return JSON values."""
        return {
            "metric": self.metric, "best": self.best.to_dict(), "best_config": self.best_config,
            "leaderboard": [entry.to_dict() for entry in self.leaderboard], "notes": list(self.notes),
            "seconds": self.seconds, "budget": self.budget, "end": self.end,
        }  # fmt: skip


def entry_of(trial: Trial, *, metric: str, rows: int, stage: Stage) -> Entry:
    """Return what a trial says of its candidate."""
    scores = trial.scores(metric)
    params = {name: value for name, value in trial.params.items() if name != "family"}
    return Entry(
        number=trial.number,
        family=str(trial.params["family"]),
        params=params,
        stage=stage,
        state=trial.state,
        score=statistics.fmean(scores) if scores else None,
        spread=statistics.stdev(scores) if len(scores) > 1 else None,
        folds=len(scores),
        rows=rows,
        seconds=trial.seconds,
        round=trial.round,
        error=trial.error,
    )


def ranked(entries: Sequence[Entry], *, greater_is_better: bool) -> tuple[Entry, ...]:
    """Return the entries, the best first: complete before others, those of later rounds before those of earlier."""
    sign = -1.0 if greater_is_better else 1.0

    def key(entry: Entry) -> tuple[bool, bool, int, float, int]:
        score = 0.0 if entry.score is None else sign * entry.score
        return entry.score is None, entry.state != "complete", -entry.round, score, entry.number

    return tuple(sorted(entries, key=key))


def _text(params: dict[str, JsonValue]) -> str:
    shown = ((name, f"{value:.4g}" if isinstance(value, float) else str(value)) for name, value in params.items())
    return ", ".join(f"{name}={value}" for name, value in shown)
