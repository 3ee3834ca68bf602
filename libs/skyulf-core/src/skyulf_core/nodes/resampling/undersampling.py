"""Undersampling: rows of the large classes left out of the training rows."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from skyulf_core.nodes.base import NodeConfig, Resampler
from skyulf_core.nodes.extras import extra_problems
from skyulf_core.nodes.matrix import refusing
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.nodes.resampling.sampling import (
    Share,
    Targeted,
    classes_of,
    imblearn,
    numbers_of,
    random_state_field,
    rows_of,
    strategy_field,
    type_problems,
)
from skyulf_core.problems import Problem
from skyulf_core.schema import Schema

_SAMPLERS = {
    "random": "RandomUnderSampler", "nearmiss": "NearMiss", "tomek": "TomekLinks", "enn": "EditedNearestNeighbours",
}  # fmt: skip
_CLEANING = ("tomek", "enn")


class UndersamplingConfig(NodeConfig):
    """Which rows are left out, and of which classes."""

    strategy: Literal["random", "nearmiss", "tomek", "enn"] = Field(
        default="random",
        title="Strategy",
        description="random: rows drawn at random stay. nearmiss: those near the other classes stay. tomek: pairs of "
        "neighbours of two classes are broken. enn: rows whose neighbours are of other classes are left out.",
    )
    sampling_strategy: Annotated[Share, Field(gt=0.0, le=1.0)] | Targeted = strategy_field(
        "Which classes lose rows (auto: all but the smallest), or the ratio of small to large for two classes (random, "
        "nearmiss)."
    )
    replacement: bool = Field(
        default=False,
        title="With replacement",
        description="Whether a row may be drawn twice.",
        json_schema_extra={"x-visible-if": {"strategy": "random"}},
    )
    version: Literal[1, 2, 3] = Field(
        default=1,
        title="Version",
        description="Of nearmiss. 1: near to the nearest rows of the smallest class, 2: to the furthest, 3: two steps.",
        json_schema_extra={"x-visible-if": {"strategy": "nearmiss"}},
    )
    n_neighbors: int = Field(
        default=3,
        ge=1,
        title="Neighbours",
        description="Neighbours that are looked at.",
        json_schema_extra={"x-visible-if": {"strategy": ["nearmiss", "enn"]}},
    )
    kind_sel: Literal["all", "mode"] = Field(
        default="all",
        title="Agreement",
        description="A row stays where all its neighbours are of its class, or most of them.",
        json_schema_extra={"x-visible-if": {"strategy": "enn"}},
    )
    random_state: int = random_state_field({"strategy": "random"})

    @model_validator(mode="after")
    def _consistent(self) -> UndersamplingConfig:
        if self.strategy in _CLEANING and isinstance(self.sampling_strategy, float):
            raise ValueError(f"{self.strategy} leaves out what it finds; sampling_strategy cannot be a ratio")
        if self.strategy not in _CLEANING and self.sampling_strategy == "minority":
            raise ValueError("sampling_strategy 'minority' leaves nothing out: the smallest class sets the size")
        return self


@NodeRegistry.register("Undersampling")
class UndersamplingResampler(Resampler[UndersamplingConfig]):
    """Leave out training rows of the large classes until the classes are balanced, or apart.

    Test rows and predictions stay as they are. The rows are imbalanced-learn's on the same random state, in its order:
    class by class for `random` and `nearmiss`, as they were for `tomek` and `enn`. `random` takes any columns; the
    other strategies refuse texts, dates and missing values by name, and every one a target that is no class. Needs the
    extra `imbalanced`. With `replacement`, encoders that cross-fit (TargetEncoder, WOEEncoder) stand before it, never
    behind: copies of a row would lie in other folds.

    >>> data, target = pl.DataFrame({"x": [1, 2, 3, 9]}), pl.Series("y", ["a", "a", "a", "b"])
    >>> rows, labels = UndersamplingResampler().resample(data, target, UndersamplingConfig())
    >>> sorted(labels.to_list())
    ['a', 'b']

    >>> UndersamplingConfig(strategy="tomek", sampling_strategy=0.5)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    pydantic_core._pydantic_core.ValidationError: ...
    """

    family = "resampling"
    keywords = ("imbalanced", "majority", "near miss", "tomek", "edited nearest neighbours", "class balance")
    examples = (
        {},
        {"sampling_strategy": "majority", "replacement": True},
        {"strategy": "nearmiss", "version": 2},
        {"strategy": "tomek", "sampling_strategy": "all"},
        {"strategy": "enn", "kind_sel": "mode", "n_neighbors": 2},
    )
    extra = "imbalanced"
    reference = "imblearn.under_sampling"

    def check(self, schema: Schema, config: UndersamplingConfig) -> list[Problem]:
        """Refuse columns that are no numbers, where rows are compared; say that the extra is missing."""
        found = [] if config.strategy == "random" else type_problems(schema, config.strategy)
        return found + extra_problems("imblearn", extra="imbalanced")

    def repeats_rows(self, config: UndersamplingConfig) -> bool:
        """Say whether rows are drawn with replacement."""
        return config.strategy == "random" and config.replacement

    def resample(
        self, features: pl.DataFrame, target: pl.Series, config: UndersamplingConfig
    ) -> tuple[pl.DataFrame, pl.Series]:
        """Return the rows that stay."""
        under = imblearn("under_sampling")
        codes, _ = classes_of(target)
        random = config.strategy == "random"
        matrix = np.arange(len(codes))[:, None] if random else numbers_of(features, config.strategy)
        sampler = getattr(under, _SAMPLERS[config.strategy])(**_options(config))
        with refusing(config.strategy):
            sampler.fit_resample(matrix, codes)
        return rows_of(features, target, sampler.sample_indices_)


def _options(config: UndersamplingConfig) -> dict[str, Any]:
    options: dict[str, Any] = {"sampling_strategy": config.sampling_strategy}
    if config.strategy == "random":
        options |= {"random_state": config.random_state, "replacement": config.replacement}
    elif config.strategy == "nearmiss":
        options |= {"version": config.version, "n_neighbors": config.n_neighbors}
    elif config.strategy == "enn":
        options |= {"n_neighbors": config.n_neighbors, "kind_sel": config.kind_sel}
    return options
