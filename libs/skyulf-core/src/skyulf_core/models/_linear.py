"""What the linear models share: scikit-learn's coefficients, checked, as the `linear` operation of the plan."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal, Protocol, TypeAlias, TypeVar, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from skyulf_core.models._base import PlanApplier, fitting, refuse_nulls, to_matrix
from skyulf_core.nodes.base import Label, ModelCalculator, NodeConfig, Task
from skyulf_core.params import Params
from skyulf_core.problems import DataError
from skyulf_core.serving.ops import Decode, Linear, Op, Respond

ConfigT = TypeVar("ConfigT", bound=NodeConfig)
Link: TypeAlias = Literal["identity", "sigmoid", "softmax", "one_vs_rest", "clipped"]


class LinearEstimator(Protocol):
    """A regression of scikit-learn: `coef_` and `intercept_` after `fit`."""

    coef_: NDArray[np.float64]
    intercept_: object

    def fit(self, X: object, y: object, sample_weight: object = None) -> object:
        """Learn."""


def finite(values: object, node: str) -> NDArray[np.float64]:
    """Return what was learned as float64. Raises DataError where a solver has run away from the numbers."""
    found = np.ascontiguousarray(values, np.float64)
    if not np.isfinite(found).all():
        message = "the model cannot learn from these rows: its numbers grew beyond all bounds; scale the columns first"
        raise DataError(message, reason="fit-failed", node=node)
    return found


class LinearApplier(PlanApplier):
    """Predicts with coefficients and an intercept; through exp where the model is linear in the logarithm."""

    def plan(self, params: Params, *, features: Sequence[str], classes: Sequence[Label] | None) -> list[Op]:
        """Return the linear operation and the answer."""
        coefficients = np.asarray(params.array("coefficients"), np.float64)
        intercepts = np.asarray(params.array("intercepts"), np.float64)
        answer = Respond("exp") if params.get("log") else Respond()
        return [Linear(tuple(features), coefficients, intercepts), answer]


class LinearClassifierApplier(PlanApplier):
    """Predicts the class with the largest score: one per class, or one that is above 0 for the second of two."""

    def plan(self, params: Params, *, features: Sequence[str], classes: Sequence[Label] | None) -> list[Op]:
        """Return the linear operation and the decoding of its scores."""
        coefficients = np.asarray(params.array("coefficients"), np.float64)
        intercepts = np.asarray(params.array("intercepts"), np.float64)
        link = cast("Link", params.text("link"))
        return [Linear(tuple(features), coefficients, intercepts, link), Decode(tuple(classes or ()), by="scores")]


def classifier_params(
    coefficients: object, intercepts: object, *, link: Link, classes: int, node: str, n_iter: int | None = None
) -> Params:
    """Return what LinearClassifierApplier reads. Raises DataError where the numbers are none."""
    found = finite(coefficients, node)
    counted = {} if n_iter is None else {"n_iter": n_iter}
    return Params(
        counted,
        n_classes=classes,
        link=link,
        coefficients=found,
        intercepts=finite(intercepts, node).reshape(len(found)),
    )


class LinearRegressor(ModelCalculator[ConfigT]):
    """A linear model of one number, or of its logarithm."""

    task: ClassVar[Task] = "regression"
    node: ClassVar[str]

    @abstractmethod
    def estimator(self, config: ConfigT) -> LinearEstimator:
        """Return scikit-learn's estimator, not fitted; it may write into the matrix that it is given."""

    def models_logarithm(self, config: ConfigT) -> bool:
        """Say whether the sum is the logarithm of the answer."""
        return False

    def refuse_target(self, target: NDArray[np.generic], config: ConfigT) -> None:
        """Raise DataError for a target that the loss cannot take."""

    def fit(
        self,
        features: pl.DataFrame,
        target: NDArray[np.generic],
        config: ConfigT,
        *,
        weights: NDArray[np.float64] | None = None,
    ) -> Params:
        """Train; returns coefficients (one row) and the intercept."""
        refuse_nulls(features, self.node)
        self.refuse_target(target, config)
        model = self.estimator(config)
        with fitting(self.node), np.errstate(over="ignore", invalid="ignore"):  # looked for below
            model.fit(to_matrix(features), target, sample_weight=weights)
        coefficients = finite(model.coef_, self.node).reshape(1, -1)
        intercepts = finite(model.intercept_, self.node).reshape(1)
        return Params(coefficients=coefficients, intercepts=intercepts, log=self.models_logarithm(config))


def refuse_below(target: NDArray[np.generic], node: str, *, zero: bool) -> None:
    """Raise DataError for a target below 0, and for 0 where it is not allowed."""
    values = target.astype(np.float64)
    wrong = int((values < 0).sum() if zero else (values <= 0).sum())
    if wrong:
        bound = "below 0" if zero else "of 0 or less"
        raise DataError(
            f"the target is {bound} in {wrong} rows, and the model has no meaning for that; correct or remove them, "
            "or choose ridge_regression",
            reason="out-of-range",
            node=node,
        )
