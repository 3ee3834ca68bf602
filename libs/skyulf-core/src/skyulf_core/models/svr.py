"""A support vector machine for numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field, JsonValue
from sklearn.svm import SVR

from skyulf_core.models._base import PlanApplier, fitting, refuse_nulls, to_matrix
from skyulf_core.models._svm import SEARCH_SPACE, SvmConfig, machine_op, machine_params
from skyulf_core.nodes.base import Label, ModelCalculator, Task
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.serving.ops import Op, Respond

_NAME = "svr"


class SvrConfig(SvmConfig):
    """Configuration of svr."""

    epsilon: float = Field(0.1, ge=0, title="Epsilon", description="Errors smaller than this cost nothing.")


class SvrApplier(PlanApplier):
    """Predicts with the kernels of the support vectors."""

    node = _NAME

    def plan(self, params: Params, *, features: Sequence[str], classes: Sequence[Label] | None) -> list[Op]:
        """Return the kernel machine, and the answer."""
        return [machine_op(params, features), Respond()]


@NodeRegistry.register(_NAME, SvrApplier)
class SvrCalculator(ModelCalculator[SvrConfig]):
    """Support vector machine for a number: bent as its kernel, deaf to small errors.

    Features should be of similar scale; nulls are refused (put an imputer before). Training time grows with the square
    of the rows; the support vectors, often most of the training rows, are kept in the model.
    """

    task: ClassVar[Task] = "regression"
    keywords = ("support vector machine", "svm", "kernel", "rbf")
    reference = "sklearn.svm.SVR"
    search_space: ClassVar[dict[str, dict[str, JsonValue]]] = {
        **SEARCH_SPACE, "epsilon": {"low": 1e-3, "high": 1.0, "log": True},
    }  # fmt: skip
    examples = (
        {},
        {"kernel": "linear", "C": 0.01, "max_iter": 1000},
        {"kernel": "poly", "degree": 2, "gamma": "auto", "coef0": 1.0, "max_iter": 100},
        {"kernel": "sigmoid", "gamma": 0.01, "epsilon": 0.5},
    )

    def fit(
        self,
        features: pl.DataFrame,
        target: NDArray[np.generic],
        config: SvrConfig,
        *,
        weights: NDArray[np.float64] | None = None,
    ) -> Params:
        """Train; returns the support vectors, their coefficients and the intercept."""
        refuse_nulls(features, _NAME)
        with fitting(_NAME):
            model = SVR(**config.model_dump())
            model.fit(to_matrix(features), target, sample_weight=weights)
        return machine_params(model, config, _NAME)
