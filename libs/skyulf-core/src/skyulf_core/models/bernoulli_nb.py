"""Bernoulli naive Bayes: what is there, and what is not, in each class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field
from sklearn.naive_bayes import BernoulliNB

from skyulf_core.models._base import fitting, refuse_nulls, to_matrix
from skyulf_core.models._linear import LinearClassifierApplier, classifier_params
from skyulf_core.models._naive_bayes import CountsConfig, checked_classes, logarithms, refuse_other_than_flags
from skyulf_core.nodes.base import Label, ModelCalculator, Task
from skyulf_core.nodes.class_weights import weighed
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.serving.ops import Compute, Op

_NAME = "bernoulli_nb"


class BernoulliNbConfig(CountsConfig):
    """Configuration of bernoulli_nb."""

    binarize: float | None = Field(
        0.0, title="Threshold", description="A feature is there above it; null: features are 0 and 1 already."
    )


class BernoulliNbApplier(LinearClassifierApplier):
    """Predicts with the logarithms of the odds of every feature in every class."""

    node = _NAME

    def plan(self, params: Params, *, features: Sequence[str], classes: Sequence[Label] | None) -> list[Op]:
        """Return the comparisons with the threshold, and the linear operation on what they say."""
        threshold = params["threshold"]
        if threshold is None:
            return super().plan(params, features=features, classes=classes)
        there = tuple(f"@above:{name}" for name in features)
        compare = Compute(there, tuple(("gt", ("col", name), ("lit", threshold)) for name in features))
        return [compare, *super().plan(params, features=there, classes=classes)]


@NodeRegistry.register(_NAME, BernoulliNbApplier)
class BernoulliNbCalculator(ModelCalculator[BernoulliNbConfig]):
    """Naive Bayes for yes and no: a class is known by what is there and by what is not.

    Numbers are cut at `binarize` first. Nulls are refused. With alpha 0 a feature that never, or always, occurs with a
    class is refused.
    """

    task: ClassVar[Task] = "classification"
    keywords = ("bayes", "binary", "boolean", "flags", "text", "quick")
    reference = "sklearn.naive_bayes.BernoulliNB"
    examples = ({}, {"alpha": 0.1, "binarize": 2.5}, {"class_prior": [0.5, 0.25, 0.25], "fit_prior": False})
    search_space: ClassVar = {
        "alpha": {"low": 1e-3, "high": 100.0, "log": True},
        "fit_prior": {"choices": [True, False]},
    }
    repeats_by_weight = True

    def fit(
        self,
        features: pl.DataFrame,
        target: NDArray[np.generic],
        config: BernoulliNbConfig,
        *,
        weights: NDArray[np.float64] | None = None,
    ) -> Params:
        """Train; returns coefficients and intercepts, a row per class, and the threshold."""
        refuse_nulls(features, _NAME)
        if config.binarize is None:
            refuse_other_than_flags(features, _NAME)
        weights = weighed(target, weights, config.class_weight, _NAME)
        classes = checked_classes(target, weights, config.class_prior, _NAME)
        with fitting(_NAME), np.errstate(all="ignore"):  # looked for below
            model = BernoulliNB(**config.model_dump(exclude={"class_weight"}))
            model.fit(to_matrix(features), target, sample_weight=weights)
        return flags_params(model, features, config, classes)


def flags_params(model: BernoulliNB, features: pl.DataFrame, config: BernoulliNbConfig, classes: int) -> Params:
    """Return what a fitted model has learned. Raises DataError where a probability is 0: alpha is."""
    with np.errstate(all="ignore"):  # looked for
        there = logarithms(model.feature_log_prob_, features, _NAME)
        absent = logarithms(np.log(1.0 - np.exp(there)), features, _NAME)
    intercepts = model.class_log_prior_ + absent.sum(axis=1)
    params = classifier_params(there - absent, intercepts, link="softmax", classes=classes, node=_NAME)
    return Params(params, threshold=config.binarize)
