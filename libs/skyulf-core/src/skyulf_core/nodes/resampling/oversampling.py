"""Oversampling: rows added to the small classes of the training rows."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field, model_validator

from skyulf_core.nodes.base import NodeConfig, Resampler
from skyulf_core.nodes.extras import extra_problems
from skyulf_core.nodes.matrix import Matrix, refusing
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
    "smote": "SMOTE", "smote_tomek": "SMOTE", "adasyn": "ADASYN", "borderline": "BorderlineSMOTE", "svm": "SVMSMOTE",
    "kmeans": "KMeansSMOTE",
}  # fmt: skip


class OversamplingConfig(NodeConfig):
    """How rows are made, and for which classes."""

    strategy: Literal["smote", "random", "adasyn", "borderline", "svm", "kmeans", "smote_tomek"] = Field(
        default="smote",
        title="Strategy",
        description="smote: new rows between neighbours of a class. random: rows of the class again. adasyn: more "
        "where other classes are near. borderline, svm: at the border of the class. kmeans: in dense regions. "
        "smote_tomek: smote, then pairs of neighbours of two classes are left out.",
    )
    sampling_strategy: Annotated[Share, Field(gt=0.0, le=1.0)] | Targeted = strategy_field(
        "Which classes grow to the size of the largest (auto: all others), or the ratio of small to large for two "
        "classes."
    )
    k_neighbors: int | None = Field(
        default=None,
        ge=1,
        title="Neighbours",
        description="Neighbours that new rows lie between. Left out: 5, for kmeans 2.",
        json_schema_extra={"x-visible-if": {"strategy": list(_SAMPLERS)}},
    )
    m_neighbors: int = Field(
        default=10,
        ge=1,
        title="Neighbours at the border",
        description="Neighbours that say whether a row is at the border.",
        json_schema_extra={"x-visible-if": {"strategy": ["borderline", "svm"]}},
    )
    cluster_balance_threshold: float | None = Field(
        default=None,
        ge=0.0,
        title="Least share in a cluster",
        description="Clusters with a smaller share of the class get no new rows. Left out: as scikit-learn's clusters "
        "suggest.",
        json_schema_extra={"x-visible-if": {"strategy": "kmeans"}},
    )
    random_state: int = random_state_field()

    @model_validator(mode="after")
    def _consistent(self) -> OversamplingConfig:
        if self.sampling_strategy == "majority":
            raise ValueError("sampling_strategy 'majority' adds nothing: the largest class sets the size")
        return self


@NodeRegistry.register("Oversampling")
class OversamplingResampler(Resampler[OversamplingConfig]):
    """Add rows to the small classes of the training rows until the classes are balanced.

    Test rows and predictions stay as they are. The rows are imbalanced-learn's on the same random state: the training
    rows first, in their order, then the new ones (`smote_tomek` leaves some of both out). New values of integer columns
    are rounded, those of booleans are true from 0.5 on; columns keep their types. `random` takes any columns; the other
    strategies refuse texts, dates and missing values by name, and every one a target that is no class. Needs the extra
    `imbalanced`. adasyn refuses classes that are nearly balanced: its shares round to no rows.
    Encoders that cross-fit (TargetEncoder, WOEEncoder) stand before it, never behind: copies and neighbours of a row
    would lie in other folds.

    >>> data, target = pl.DataFrame({"x": [1, 2, 3, 9]}), pl.Series("y", ["a", "a", "a", "b"])
    >>> node = OversamplingResampler()
    >>> rows, labels = node.resample(data, target, OversamplingConfig(strategy="random"))
    >>> rows["x"].to_list(), labels.to_list()
    ([1, 2, 3, 9, 9, 9], ['a', 'a', 'a', 'b', 'b', 'b'])

    >>> node.resample(data.with_columns(city=pl.lit("Oslo")), target, OversamplingConfig())
    Traceback (most recent call last):
    skyulf_core.problems.DataError: column 'city' is string; smote compares numbers: encode or drop it before
    """

    family = "resampling"
    keywords = ("imbalanced", "smote", "adasyn", "minority", "class balance", "synthetic rows")
    examples = (
        {"k_neighbors": 3},
        {"strategy": "random", "sampling_strategy": "minority"},
        {"strategy": "borderline", "sampling_strategy": "all", "k_neighbors": 3},
        {"strategy": "svm", "k_neighbors": 3},
        {"strategy": "kmeans", "cluster_balance_threshold": 0.05},
        {"strategy": "smote_tomek", "k_neighbors": 3},
    )
    extra = "imbalanced"
    reference = "imblearn.over_sampling and imblearn.combine.SMOTETomek"

    def check(self, schema: Schema, config: OversamplingConfig) -> list[Problem]:
        """Refuse columns that are no numbers, where rows are compared; say that the extra is missing."""
        found = [] if config.strategy == "random" else type_problems(schema, config.strategy)
        return found + extra_problems("imblearn", extra="imbalanced")

    def resample(
        self, features: pl.DataFrame, target: pl.Series, config: OversamplingConfig
    ) -> tuple[pl.DataFrame, pl.Series]:
        """Return the training rows, and new ones after them."""
        over = imblearn("over_sampling")
        codes, labels = classes_of(target)
        if config.strategy == "random":
            sampler = over.RandomOverSampler(
                sampling_strategy=config.sampling_strategy, random_state=config.random_state
            )
            with refusing("random"):
                sampler.fit_resample(np.arange(len(codes))[:, None], codes)
            return rows_of(features, target, sampler.sample_indices_)
        matrix = numbers_of(features, config.strategy)
        with refusing(config.strategy):
            grown, classes = getattr(over, _SAMPLERS[config.strategy])(**_options(config)).fit_resample(matrix, codes)
        rows = pl.concat([features, _typed(grown[len(matrix) :], features)])
        found = pl.concat([target, labels.gather(classes[len(matrix) :])])
        if config.strategy != "smote_tomek":
            return rows, found
        return rows_of(rows, found, _without_pairs(grown, classes))


def _options(config: OversamplingConfig) -> dict[str, Any]:
    options: dict[str, Any] = {
        "sampling_strategy": config.sampling_strategy,
        "random_state": config.random_state,
    }
    if config.k_neighbors is not None:
        options["n_neighbors" if config.strategy == "adasyn" else "k_neighbors"] = config.k_neighbors
    if config.strategy in ("borderline", "svm"):
        options["m_neighbors"] = config.m_neighbors
    if config.strategy == "kmeans" and config.cluster_balance_threshold is not None:
        options["cluster_balance_threshold"] = config.cluster_balance_threshold
    return options


def _typed(values: Matrix, features: pl.DataFrame) -> pl.DataFrame:
    """Return new rows in the types of the old ones."""
    columns = []
    for (name, dtype), column in zip(features.schema.items(), values.T, strict=True):
        if dtype == pl.Boolean:
            columns.append(pl.Series(name, column >= 0.5))
        else:
            columns.append(_whole(name, column, dtype) if dtype.is_integer() else pl.Series(name, column).cast(dtype))
    return pl.DataFrame(columns)


def _whole(name: str, values: NDArray[np.float64], dtype: pl.DataType) -> pl.Series:
    """Return the nearest whole numbers of a type; a float next to its end may lie beyond it."""
    rounded = np.rint(values)
    kind = np.dtype(str(dtype).lower())
    low, high = np.iinfo(kind).min, np.iinfo(kind).max
    inside = (rounded > low) & (rounded < float(high))
    ends = np.where(rounded > 0, np.array(high, kind), np.array(low, kind))
    return pl.Series(name, np.where(inside, np.where(inside, rounded, 0.0).astype(kind), ends))


def _without_pairs(matrix: Matrix, classes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the rows that are no Tomek link: nearest neighbours of each other, and of two classes."""
    cleaner = imblearn("under_sampling").TomekLinks(sampling_strategy="all")
    with refusing("smote_tomek"):
        cleaner.fit_resample(matrix, classes)
    return np.asarray(cleaner.sample_indices_, np.int64)
