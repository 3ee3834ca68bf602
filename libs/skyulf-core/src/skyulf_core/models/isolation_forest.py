"""Isolation forest: anomalies are what random cuts isolate quickly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field, model_validator
from sklearn.ensemble import IsolationForest

from skyulf_core.models._base import fitting, to_matrix
from skyulf_core.models._configs import RandomState
from skyulf_core.models._isolation import LARGEST, expected_depth, isolation_arrays
from skyulf_core.models._trees import tree_op
from skyulf_core.models._unsupervised import CONTAMINATION, AnomalyApplier, Contamination
from skyulf_core.nodes.base import Label, NodeConfig, Task
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.nodes.unsupervised import UnsupervisedCalculator
from skyulf_core.params import Params
from skyulf_core.problems import DataError
from skyulf_core.serving.ops import Detect, Op

_NAME = "isolation_forest"
_OFFSET = -0.5  # of the original paper


class IsolationForestConfig(NodeConfig):
    """Configuration of isolation_forest."""

    n_estimators: int = Field(100, ge=1, le=10_000, title="Trees", description="Number of trees.")
    # 1 is the share: JSON does not tell 1 from 1.0
    max_samples: Literal["auto"] | Annotated[int, Field(ge=2)] | Annotated[float, Field(gt=0, le=1)] = Field(
        "auto",
        title="Rows per tree",
        description="How many rows each tree sees, from 2 on, or their share up to 1; auto: up to 256.",
    )
    contamination: Contamination = CONTAMINATION
    max_features: Annotated[int, Field(ge=2)] | Annotated[float, Field(gt=0, le=1)] = Field(
        1.0,
        title="Features per tree",
        description="How many features each tree sees, from 2 on, or their share up to 1.",
    )
    bootstrap: bool = Field(False, title="Resample", description="Whether a tree may see a row twice.")
    n_jobs: int | None = Field(
        None, ge=-1, title="Parallel jobs", description="Trees grown at once; -1: one per processor."
    )
    random_state: RandomState = 0

    @model_validator(mode="after")
    def _has_jobs(self) -> IsolationForestConfig:
        if self.n_jobs == 0:
            raise ValueError("n_jobs must not be 0")
        return self


class IsolationForestApplier(AnomalyApplier):
    """Decides by the depth at which trees isolate a row."""

    node = _NAME

    def plan(self, params: Params, *, features: Sequence[str], classes: Sequence[Label] | None) -> list[Op]:
        """Return the trees, whose sum is a depth, and the decision."""
        depth, offset = float(str(params["expected_depth"])), float(str(params["offset"]))
        return [tree_op(params, features, link="identity"), Detect(offset, depth)]


@NodeRegistry.register(_NAME, IsolationForestApplier)
class IsolationForestCalculator(UnsupervisedCalculator[IsolationForestConfig]):
    """Anomalies are the rows that random cuts separate from the others quickly; nulls are allowed.

    Predictions are -1 (an anomaly) and 1; decisions are below 0 for anomalies, as scikit-learn's `decision_function`.

    >>> draw = np.random.default_rng(0)
    >>> data = pl.DataFrame({"x": [*draw.normal(size=99), 50.0]})
    >>> params = IsolationForestCalculator().learn(data, IsolationForestConfig(n_estimators=20, contamination=0.01))
    >>> IsolationForestApplier().predict(data, params).tolist().index(-1)
    99

    >>> IsolationForestCalculator().learn(pl.DataFrame({"x": [1e300, 1.0]}), IsolationForestConfig())
    Traceback (most recent call last):
    skyulf_core.problems.DataError: isolation_forest: column 'x' holds values too large for trees; scale it first
    """

    task: ClassVar[Task] = "anomaly"
    accepts_missing = True
    keywords = ("anomaly", "outlier", "novelty", "trees", "fraud", "unsupervised")
    reference = "sklearn.ensemble.IsolationForest"
    examples = (
        {"n_estimators": 10},
        {"n_estimators": 10, "contamination": 0.1, "max_samples": 0.5, "bootstrap": True},
        {"n_estimators": 5, "max_samples": 20, "max_features": 2, "random_state": 4},
        {"n_estimators": 3, "max_samples": 2, "max_features": 0.5, "n_jobs": 1},
    )
    search_space: ClassVar = {
        "n_estimators": {"low": 50, "high": 400},
        "max_samples": {"low": 0.1, "high": 1.0},
        "max_features": {"low": 0.3, "high": 1.0},
    }

    def weights_of_one_differ(self, config: IsolationForestConfig) -> bool:
        """Say that rows are drawn by their weights."""
        return True

    def learn(
        self, features: pl.DataFrame, config: IsolationForestConfig, *, weights: NDArray[np.float64] | None = None
    ) -> Params:
        """Train; returns the nodes of all trees as arrays, the depth expected, and where decisions begin."""
        _refuse_large(features)
        with fitting(_NAME):
            # its own offset would be computed from scores that differ from those of the plan by the last bit
            model = IsolationForest(**{**config.model_dump(), "contamination": "auto"})
            model.fit(to_matrix(features, np.float32), sample_weight=weights)
        params = forest_params(model, _OFFSET)
        if config.contamination == "auto":
            return params
        scores = IsolationForestApplier().decisions(features, Params({**params, "offset": 0.0}))
        return Params({**params, "offset": float(np.percentile(scores, 100.0 * config.contamination))})


def forest_params(model: IsolationForest, offset: float) -> Params:
    """Return the trees of a fitted model, and where decisions begin."""
    return Params(
        isolation_arrays(model), baseline=np.zeros(1), expected_depth=expected_depth(model), offset=float(offset)
    )


def _refuse_large(features: pl.DataFrame) -> None:
    for column in features.iter_columns():
        largest = column.cast(pl.Float64).abs().max()
        if isinstance(largest, float) and largest >= LARGEST:
            message = f"column {column.name!r} holds values too large for trees; scale it first"
            raise DataError(message, reason="too-large", column=column.name, node=_NAME)
