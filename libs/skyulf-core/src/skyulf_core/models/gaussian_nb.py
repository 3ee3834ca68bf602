"""Gaussian naive Bayes: a normal distribution per class and feature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field
from sklearn.naive_bayes import GaussianNB

from skyulf_core.models._base import PlanApplier, fitting, refuse_nulls, to_matrix
from skyulf_core.models._linear import finite
from skyulf_core.models._naive_bayes import Priors, checked_classes
from skyulf_core.nodes.base import Label, ModelCalculator, NodeConfig, Task
from skyulf_core.nodes.class_weights import ClassWeight, weighed
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.problems import DataError
from skyulf_core.serving.ops import Decode, Mixture, Op

_NAME = "gaussian_nb"


class GaussianNbConfig(NodeConfig):
    """Configuration of gaussian_nb."""

    priors: Priors = None
    var_smoothing: float = Field(
        1e-9, ge=0, title="Smoothing", description="Share of the largest variance that is added to all variances."
    )
    class_weight: ClassWeight = None


class GaussianNbApplier(PlanApplier):
    """Predicts the class under which the row is most likely."""

    node = _NAME

    def plan(self, params: Params, *, features: Sequence[str], classes: Sequence[Label] | None) -> list[Op]:
        """Return the distributions and the decoding of their likelihoods."""
        means, variances, constants = (
            np.asarray(params.array(name), np.float64) for name in ("means", "variances", "constants")
        )
        mixture = Mixture(tuple(features), means, 1.0 / np.sqrt(variances), constants)
        return [mixture, Decode(tuple(classes or ()), by="scores")]


@NodeRegistry.register(_NAME, GaussianNbApplier)
class GaussianNbCalculator(ModelCalculator[GaussianNbConfig]):
    """Naive Bayes for measures: each is taken as normally distributed in each class, and as independent of the others.

    Learned in one pass over the rows. Nulls are refused (put an imputer before), and so are rows whose columns are all
    constant. Weights count as repeated rows, but for the smoothing, which looks at the rows as they are.
    """

    task: ClassVar[Task] = "classification"
    keywords = ("bayes", "normal", "quick", "baseline")
    reference = "sklearn.naive_bayes.GaussianNB"
    examples = ({}, {"var_smoothing": 1e-3}, {"priors": [0.5, 0.25, 0.25]})
    search_space: ClassVar = {"var_smoothing": {"low": 1e-12, "high": 1e-1, "log": True}}

    def fit(
        self,
        features: pl.DataFrame,
        target: NDArray[np.generic],
        config: GaussianNbConfig,
        *,
        weights: NDArray[np.float64] | None = None,
    ) -> Params:
        """Train; returns means and variances (classes x features), and what is added to the likelihoods."""
        refuse_nulls(features, _NAME)
        weights = weighed(target, weights, config.class_weight, _NAME)
        classes = checked_classes(target, weights, config.priors, _NAME)
        with fitting(_NAME), np.errstate(over="ignore", invalid="ignore"):  # looked for below
            model = GaussianNB(**config.model_dump(exclude={"class_weight"}))
            model.fit(to_matrix(features), target, sample_weight=weights)
        variances = finite(model.var_, _NAME)
        _refuse_constant(variances, features)
        return gaussian_params(model, classes)


def gaussian_params(model: GaussianNB, classes: int) -> Params:
    """Return what a fitted model has learned. Raises DataError where its numbers are none."""
    variances = finite(model.var_, _NAME)
    constants = np.log(model.class_prior_) - 0.5 * np.sum(np.log(2.0 * np.pi * variances), axis=1)
    return Params(
        n_classes=classes,
        means=finite(model.theta_, _NAME),
        variances=variances,
        constants=finite(constants, _NAME),
    )


def _refuse_constant(variances: NDArray[np.float64], features: pl.DataFrame) -> None:
    constant = np.flatnonzero((variances <= 0).any(axis=0))
    if not len(constant):
        return
    name = features.columns[int(constant[0])]
    message = f"column {name!r} has the same value in all rows of a class; set var_smoothing above 0"
    if len(constant) == features.width and features.n_unique() == 1:
        message = "every column has the same value in all rows; there is nothing to learn from"
    raise DataError(message, reason="constant-features", column=name, node=_NAME)
