"""Local outlier factor: anomalies are rows that lie sparser than their neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field
from sklearn.neighbors import LocalOutlierFactor as Estimator

from skyulf_core.models._base import fitting
from skyulf_core.models._unsupervised import CONTAMINATION, AnomalyApplier, Contamination, matrix_of
from skyulf_core.nodes.base import Label, NodeConfig, Task
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.nodes.unsupervised import UnsupervisedCalculator
from skyulf_core.params import Params
from skyulf_core.serving.ops import Detect, LocalOutlierFactor, Op
from skyulf_core.serving.ops.distances import Metric

_NAME = "local_outlier_factor"


class LocalOutlierFactorConfig(NodeConfig):
    """Configuration of local_outlier_factor."""

    n_neighbors: int = Field(
        20,
        ge=1,
        le=10_000,
        title="Neighbours",
        description="Number of nearest training rows; of fewer rows, all others.",
    )
    metric: Metric = Field(
        "euclidean",
        title="Distance",
        description="How far rows are apart; scikit-learn's minkowski with p=2 is euclidean.",
    )
    contamination: Contamination = CONTAMINATION


class LocalOutlierFactorApplier(AnomalyApplier):
    """Decides by the density around a row and around its neighbours."""

    node = _NAME

    def plan(self, params: Params, *, features: Sequence[str], classes: Sequence[Label] | None) -> list[Op]:
        """Return the training rows with their densities, and the decision."""
        matrix, reaches, densities = (
            np.asarray(params.array(name), np.float64) for name in ("matrix", "reaches", "densities")
        )
        count, metric = int(str(params["n_neighbors"])), str(params["metric"])
        factor = LocalOutlierFactor(tuple(features), matrix, reaches, densities, count, metric)  # type: ignore[arg-type]
        return [factor, Detect(float(str(params["offset"])))]


@NodeRegistry.register(_NAME, LocalOutlierFactorApplier)
class LocalOutlierFactorCalculator(UnsupervisedCalculator[LocalOutlierFactorConfig]):
    """Anomalies are the rows that lie sparser than their nearest neighbours among the training rows.

    Predictions are -1 (an anomaly) and 1; decisions are below 0 for anomalies. It is scikit-learn's with
    `novelty=True`: every row is judged as a new one, so that a training row is a neighbour of its own. Of neighbours at
    the same distance the first rows count, where scikit-learn takes any of them. The model holds its training rows, and
    a prediction looks at all of them. Features should be of similar scale; nulls are refused (put an imputer before).

    >>> data = pl.DataFrame({"x": [1.0, 1.1, 1.2, 1.3, 1.4, 1.5]})
    >>> params = LocalOutlierFactorCalculator().learn(data, LocalOutlierFactorConfig(n_neighbors=2))
    >>> LocalOutlierFactorApplier().predict(pl.DataFrame({"x": [1.25, 9.0]}), params).tolist()
    [1, -1]

    >>> LocalOutlierFactorCalculator().learn(data.head(1), LocalOutlierFactorConfig())
    Traceback (most recent call last):
    skyulf_core.problems.DataError: local_outlier_factor: 1 row is too few for neighbours; take more rows, or ask \
for less
    """

    task: ClassVar[Task] = "anomaly"
    weighted = False
    keywords = ("anomaly", "outlier", "novelty", "density", "neighbours", "lof", "unsupervised")
    reference = "sklearn.neighbors.LocalOutlierFactor with novelty=True"
    examples = (
        {"n_neighbors": 5},
        {"n_neighbors": 10, "metric": "manhattan", "contamination": 0.1},
        {"n_neighbors": 200, "metric": "chebyshev"},
    )
    search_space: ClassVar = {
        "n_neighbors": {"low": 5, "high": 50},
        "metric": {"choices": ["euclidean", "manhattan", "chebyshev"]},
    }

    def learn(
        self, features: pl.DataFrame, config: LocalOutlierFactorConfig, *, weights: NDArray[np.float64] | None = None
    ) -> Params:
        """Train; returns the rows, how far each reaches, the density around it, and where decisions begin."""
        rows = matrix_of(features, _NAME, at_least=2, what="neighbours")
        with fitting(_NAME):
            model = Estimator(
                **{**config.model_dump(), "n_neighbors": min(config.n_neighbors, len(rows) - 1)}, novelty=True
            )
            model.fit(rows)
        return factor_params(model, rows, config.metric)


def factor_params(model: Estimator, rows: NDArray[np.float64], metric: str) -> Params:
    """Return what a fitted model has learned of these rows."""
    return Params(
        matrix=rows,
        reaches=np.ascontiguousarray(model._distances_fit_X_[:, -1], np.float64),
        densities=np.ascontiguousarray(model._lrd, np.float64),
        n_neighbors=int(model.n_neighbors_),
        metric=metric,
        offset=float(model.offset_),
    )
