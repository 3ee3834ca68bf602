"""Nearest neighbours: the mean of the nearest training rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from skyulf_core.models._base import PlanApplier
from skyulf_core.models._neighbors import SEARCH_SPACE, NeighborsConfig, neighbors_op, stored_rows
from skyulf_core.nodes.base import Label, ModelCalculator, Task
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.serving.ops import Op, Respond

_NAME = "k_neighbors_regressor"


class KNeighborsRegressorConfig(NeighborsConfig):
    """Configuration of k_neighbors_regressor."""


class KNeighborsRegressorApplier(PlanApplier):
    """Predicts with the values of the nearest training rows."""

    node = _NAME

    def plan(self, params: Params, *, features: Sequence[str], classes: Sequence[Label] | None) -> list[Op]:
        """Return the search, and the answer."""
        return [neighbors_op(params, features, outputs=0), Respond()]


@NodeRegistry.register(_NAME, KNeighborsRegressorApplier)
class KNeighborsRegressorCalculator(ModelCalculator[KNeighborsRegressorConfig]):
    """The mean of the targets of the nearest training rows, by their distance or all the same.

    Features should be of similar scale; nulls are refused (put an imputer before), and so are weights of rows. The
    training rows are kept in the model. Of rows at the same distance the first is nearest (scikit-learn takes what its
    search leaves, by the number of threads even).
    """

    task: ClassVar[Task] = "regression"
    weighted = False
    keywords = ("nearest neighbours", "knn", "instance based", "distance")
    reference = "sklearn.neighbors.KNeighborsRegressor"
    search_space = SEARCH_SPACE
    examples = (
        {},
        {"n_neighbors": 7, "weights": "distance", "p": 3.0},
        {"metric": "manhattan"},
        {"metric": "chebyshev", "weights": "distance"},
    )

    def fit(
        self,
        features: pl.DataFrame,
        target: NDArray[np.generic],
        config: KNeighborsRegressorConfig,
        *,
        weights: NDArray[np.float64] | None = None,
    ) -> Params:
        """Keep the training rows. Raises DataError for fewer rows than neighbours, and for more than a model holds."""
        return stored_rows(features, target, config, _NAME)
