"""Models: what they are given, what they declare besides, and what they answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from skyulf_core.nodes.base.config import ConfigT
from skyulf_core.nodes.base.node import Kind, NodeBase
from skyulf_core.nodes.class_weights import coded
from skyulf_core.params import Params

if TYPE_CHECKING:
    import polars as pl

    from skyulf_core.serving.ops import Op

Task: TypeAlias = Literal["classification", "regression", "clustering", "anomaly"]
UNSUPERVISED: frozenset[Task | None] = frozenset({"clustering", "anomaly"})
"""Tasks of models that learn without a target."""
Label: TypeAlias = bool | int | float | str


class ModelCalculator(NodeBase[ConfigT]):
    """Trains a model. Registered as a node with `family = "models"`.

    What `fit` is given: `features`, a polars frame of numeric and boolean columns only, finite or null (null only
    where `accepts_missing`), all of the training rows, columns in the order of the fitted schema; `target`, aligned
    with it and without nulls:
    for a classification int64 codes 0 … k-1 into `classes` (sorted as numpy sorts the labels; every code occurs)
    and a configuration that went through `for_classes`, for a regression float64; `weights`, one finite number of at
    least 0 per row (not all 0), or None.
    """

    family: ClassVar[str] = "models"
    kind: ClassVar[Kind] = Kind.TARGET_AWARE
    task: ClassVar[Task]
    weighted: ClassVar[bool] = True
    """Whether rows may have weights; otherwise weights are refused before `fit`."""
    repeats_by_weight: ClassVar[bool] = False
    """Whether a row of weight n teaches what n equal rows teach, and one of weight 0 nothing (checked, to 1e-6)."""
    accepts_negative: ClassVar[bool] = True
    """Whether features may be below 0; otherwise `fit` refuses them by name."""
    accepts_negative_target: ClassVar[bool] = True
    """Whether a regression's target may be below 0, as configured by default; otherwise `fit` refuses it."""
    search_space: ClassVar[Mapping[str, Mapping[str, JsonValue]]] = {}
    """What tuning searches where nobody says otherwise: for each parameter `{"low", "high", "log"?, "step"?}` or
    `{"choices"}`, with `"when"` (other parameter: its values) where it matters only then."""
    accepts_missing: ClassVar[bool] = False  # the pipeline refuses nulls by name before `fit`
    decides: ClassVar[bool] = False
    """Whether the scores in its plan are scikit-learn's `decision_function`: what calibration prefers to
    probabilities."""

    def space_of(self, config: ConfigT) -> Mapping[str, Mapping[str, JsonValue]]:
        """Return what tuning searches of this configuration: a model made of models adds what is searched of these."""
        return self.search_space

    def takes_missing(self, config: ConfigT) -> bool:
        """Say whether features may hold nulls with this configuration: a model made of models asks these."""
        return self.accepts_missing

    def takes_weights(self, config: ConfigT) -> bool:
        """Say whether rows may have weights with this configuration: a model made of models asks these."""
        return self.weighted

    def gives_probabilities(self, config: ConfigT) -> bool:
        """Say whether rows get the probability of each class with this configuration; else classes only, by scores."""
        return self.task == "classification"

    def for_classes(self, config: ConfigT, classes: Sequence[Label], *, known: Sequence[Label], node: str) -> ConfigT:
        """Return the configuration that `fit` is given: codes of `classes` in place of labels of the target.

        `known` are all labels that the target has; those of them that are not learned now are left out. Raises
        DataError for a label that is none of them.
        """
        weights = getattr(config, "class_weight", None)
        if not isinstance(weights, Mapping):
            return config
        return config.model_copy(update={"class_weight": coded(weights, classes, known, node)})

    def weights_of_one_differ(self, config: ConfigT) -> bool:
        """Say whether weights of 1 teach something else than no weights, as where rows are drawn by their weights."""
        return False

    @property
    def supervised(self) -> bool:
        """Whether it learns from a target; otherwise see `skyulf_core.nodes.unsupervised`."""
        return self.task not in UNSUPERVISED

    @abstractmethod
    def fit(
        self,
        features: pl.DataFrame,
        target: NDArray[np.generic],
        config: ConfigT,
        *,
        weights: NDArray[np.float64] | None = None,
    ) -> Params:
        """Train; return arrays and JSON values, never an estimator. Raises DataError."""


class ModelApplier(ABC):
    """Predicts with what a ModelCalculator returned. `features` is the frame described there, any number of rows."""

    @abstractmethod
    def predict(self, features: pl.DataFrame, params: Params) -> NDArray[np.generic]:
        """Return int64 class codes (classification) or float64 values (regression), one per row.

        A clustering returns int64 numbers of clusters (-1 for none), a detector of anomalies int64 1 and -1 (anomaly).
        """

    def predict_proba(self, features: pl.DataFrame, params: Params) -> NDArray[np.float64] | None:
        """Return probabilities (rows x classes, in the order of the codes); None for a regression."""
        return None

    def answers(self, features: pl.DataFrame, params: Params) -> tuple[NDArray[np.generic], NDArray[np.float64] | None]:
        """Return what `predict` and `predict_proba` return, for those who need both; at once where that is cheaper."""
        return self.predict(features, params), self.predict_proba(features, params)

    def decision_function(self, features: pl.DataFrame, params: Params) -> NDArray[np.float64] | None:
        """Return how normal each row is: below 0 it is an anomaly. None for models that detect no anomalies."""
        return None

    @abstractmethod
    def plan(self, params: Params, *, features: Sequence[str], classes: Sequence[Label] | None) -> list[Op]:
        """Return the operations from feature values to the prediction (with `decode` for a classification).

        `features` are the columns of the frame in order; `classes` the labels of the codes, None for a regression.
        """
