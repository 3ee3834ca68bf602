"""Nearest neighbours: the class that most of the nearest training rows have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from skyulf_core.models._base import PlanApplier, refuse_one_class
from skyulf_core.models._neighbors import SEARCH_SPACE, NeighborsConfig, neighbors_op, stored_rows
from skyulf_core.nodes.base import Label, ModelCalculator, Task
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.serving.ops import Decode, Op

_NAME = "k_neighbors_classifier"


class KNeighborsClassifierConfig(NeighborsConfig):
    """Configuration of k_neighbors_classifier."""

    not_offered: ClassVar[Mapping[str, str]] = {
        "class_weight": "Neighbours count alike, or by distance; to weigh classes choose a model that weighs rows."
    }


class KNeighborsClassifierApplier(PlanApplier):
    """Predicts with the classes of the nearest training rows."""

    node = _NAME

    def plan(self, params: Params, *, features: Sequence[str], classes: Sequence[Label] | None) -> list[Op]:
        """Return the search, and the decoding of the shares of classes."""
        return [neighbors_op(params, features, outputs=int(str(params["n_classes"]))), Decode(tuple(classes or ()))]


@NodeRegistry.register(_NAME, KNeighborsClassifierApplier)
class KNeighborsClassifierCalculator(ModelCalculator[KNeighborsClassifierConfig]):
    """The class that most of the nearest training rows have; probabilities are their shares.

    Features should be of similar scale; nulls are refused (put an imputer before), and so are weights of rows. The
    training rows are kept in the model. Of rows at the same distance the first is nearest (scikit-learn takes what its
    search leaves, by the number of threads even), and of classes with the same share the first wins.
    """

    task: ClassVar[Task] = "classification"
    weighted = False
    keywords = ("nearest neighbours", "knn", "instance based", "distance")
    reference = "sklearn.neighbors.KNeighborsClassifier"
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
        config: KNeighborsClassifierConfig,
        *,
        weights: NDArray[np.float64] | None = None,
    ) -> Params:
        """Keep the training rows. Raises DataError for fewer rows than neighbours, and for more than a model holds."""
        return stored_rows(features, target, config, _NAME, n_classes=refuse_one_class(target, _NAME))
