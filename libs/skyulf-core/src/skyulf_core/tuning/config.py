"""The key `tuning` of a pipeline's configuration."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StrictInt
from pydantic.config import JsonDict

Strategy: TypeAlias = Literal["grid", "random", "halving_grid", "halving_random", "optuna"]
Sampler: TypeAlias = Literal["tpe", "random", "cma_es", "gp"]
Pruner: TypeAlias = Literal["none", "folds", "median", "hyperband"]

_OPTUNA: JsonDict = {"x-visible-if": {"strategy": ["optuna"]}}
_HALVING: JsonDict = {"x-visible-if": {"strategy": ["halving_grid", "halving_random"]}}

DEFAULT_TRIALS = 50
"""So many trials are run where neither a number nor a timeout is given."""


class TuningConfig(BaseModel):
    """How parameters are searched; which ones, `search_space` says."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    strategy: Strategy = Field(
        "random", title="Strategy", description="How parameters are chosen; grid tries all, optuna learns from trials."
    )
    n_trials: StrictInt | None = Field(
        None,
        ge=1,
        title="Trials",
        description="Trials of the whole study, those of earlier runs included; null: 50, without an end where there "
        "is a timeout, all points of a grid. For halving_random: candidates of the first round.",
    )
    timeout: float | None = Field(
        None,
        gt=0,
        title="Timeout",
        description="Seconds after which no trial goes on; a study that is taken up again has them anew.",
    )
    metric: str | None = Field(
        None,
        title="Metric",
        description="What is searched for; null: roc_auc of classes (accuracy without probabilities), r2 of numbers.",
    )
    cv: dict[str, JsonValue] | None = Field(
        None, title="Cross-validation", description="Folds of the training rows; null: five, stratified for classes."
    )
    search_space: dict[str, JsonValue] | None = Field(
        None, title="Search space", description="Ranges by parameter; null: what the model says."
    )
    sampler: Sampler = Field(
        "tpe", title="Sampler", description="How optuna chooses; gp needs torch.", json_schema_extra=_OPTUNA
    )
    pruner: Pruner = Field(
        "folds",
        title="Pruner",
        description="When a trial ends before its last fold: clearly worse on the folds done (folds), or by optuna's "
        "rules. Halving ends trials by its rounds only.",
    )
    factor: StrictInt = Field(
        3, ge=2, title="Factor", description="One of so many candidates is kept by a round.", json_schema_extra=_HALVING
    )
    resource: str = Field(
        "rows",
        min_length=1,
        title="Resource",
        description="What a round gives more of: rows, or a whole-number parameter such as max_iter.",
        json_schema_extra=_HALVING,
    )
    min_resource: StrictInt | None = Field(
        None, ge=1, title="Least resource",
        description="Of the first round; null: so that the last one has most. It is raised where a part of a "
        "fold would have fewer rows than there are classes.",
        json_schema_extra=_HALVING,
    )  # fmt: skip
    max_resource: StrictInt | None = Field(
        None,
        ge=1,
        title="Most resource",
        description="Of the last round; null: all rows. Raised as the least one is.",
        json_schema_extra=_HALVING,
    )
    random_state: StrictInt = Field(
        0, ge=0, le=2**32 - 1, title="Random state", description="The same seed gives the same study on one worker."
    )
    n_jobs: StrictInt = Field(
        1, ge=-1, title="Jobs", description="Trials at the same time in this process; -1: one per processor."
    )
    storage: str | None = Field(
        None, min_length=1, title="Storage", description="File that keeps the study: to resume it, or for workers."
    )

    @property
    def file(self) -> str | None:
        """The path of the storage, which may be written as a URL of SQLite."""
        return None if self.storage is None else storage_file(self.storage)

    @property
    def halving(self) -> bool:
        """Whether candidates are judged in rounds."""
        return self.strategy.startswith("halving")


def storage_file(storage: str) -> str:
    """Return the path that a storage names.

    >>> storage_file("sqlite:///study.db")
    'study.db'
    """
    return storage.removeprefix("sqlite:///")
