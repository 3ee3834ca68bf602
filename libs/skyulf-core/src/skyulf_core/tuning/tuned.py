"""What tuning found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, cast

from pydantic import JsonValue

from skyulf_core.pipeline.resolved import Resolved
from skyulf_core.tuning.study import End
from skyulf_core.tuning.trial import Trial

if TYPE_CHECKING:
    import polars as pl

    from skyulf_core.validation.result import CrossValidationResult, OutOfFold


@dataclass(frozen=True)
class Tuned:
    """The result of a study.

    `best_score` is the best trial's mean over the folds, in the metric's own unit. It is the best of many, and so too
    good; `outer` is what a nested validation says of the whole procedure, None where the validation is not nested.
    `end` says whether the study was done, or what ended it before.
    """

    best: Trial
    metric: str
    trials: tuple[Trial, ...]
    resolved: Resolved
    end: End
    judged: Callable[[], CrossValidationResult] = field(repr=False)
    outer: CrossValidationResult | None = None

    @property
    def best_params(self) -> dict[str, JsonValue]:
        """The values of the best trial, by address."""
        return self.best.params

    @property
    def best_score(self) -> float:
        """The score of the best trial."""
        return cast("float", self.best.score)

    @property
    def best_config(self) -> dict[str, JsonValue]:
        """The configuration of the best pipeline, without `tuning`."""
        return self.resolved.to_dict()

    @cached_property
    def oof(self) -> OutOfFold:
        """The best trial's predictions of rows that were not learned from; its folds run again where they are lost."""
        return self.judged().oof

    def __getstate__(self) -> dict[str, object]:
        """Return what a copy in another process holds: predictions in place of the rows that they are made from."""
        return {**self.__dict__, "judged": partial(_known, self.judged())}

    def table(self) -> pl.DataFrame:
        """Return a row per trial: number, state, score, seconds, folds, and each parameter as text."""
        import polars as pl

        names = list(dict.fromkeys(name for trial in self.trials for name in trial.params))
        rows = [
            {
                "trial": trial.number, "state": trial.state, "score": trial.score, "folds": len(trial.folds),
                "seconds": trial.seconds, "round": trial.round,
                **{name: None if name not in trial.params else str(trial.params[name]) for name in names},
                "error": trial.error,
            }
            for trial in self.trials
        ]  # fmt: skip
        return pl.DataFrame(rows, infer_schema_length=None)

    def to_dict(self) -> dict[str, JsonValue]:
        """Return JSON values: the best trial, and all of them."""
        return {
            "metric": self.metric, "best": self.best.to_dict(), "best_config": self.best_config, "end": self.end,
            "trials": [trial.to_dict() for trial in self.trials],
            "outer": None if self.outer is None else {"mean": dict(self.outer.mean), "std": dict(self.outer.std)},
        }  # fmt: skip


def _known(result: CrossValidationResult) -> CrossValidationResult:
    return result
