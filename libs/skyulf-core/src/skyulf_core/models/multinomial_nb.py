"""Multinomial naive Bayes: how often things occur in each class."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.naive_bayes import MultinomialNB

from skyulf_core.models._base import fitting, refuse_nulls, to_matrix
from skyulf_core.models._linear import LinearClassifierApplier, classifier_params
from skyulf_core.models._naive_bayes import CountsConfig, checked_classes, logarithms, refuse_negative
from skyulf_core.nodes.base import ModelCalculator, Task
from skyulf_core.nodes.class_weights import weighed
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params

_NAME = "multinomial_nb"


class MultinomialNbConfig(CountsConfig):
    """Configuration of multinomial_nb."""


class MultinomialNbApplier(LinearClassifierApplier):
    """Predicts with the logarithms of the shares of every feature in every class."""

    node = _NAME


@NodeRegistry.register(_NAME, MultinomialNbApplier)
class MultinomialNbCalculator(ModelCalculator[MultinomialNbConfig]):
    """Naive Bayes for counts, as of words in texts: a class is known by how often each thing occurs in it.

    Features must not be negative (shares and weights of terms do as well as counts); nulls are refused. With alpha 0 a
    feature that never occurs with a class is refused.
    """

    task: ClassVar[Task] = "classification"
    accepts_negative = False
    keywords = ("bayes", "counts", "text", "words", "quick")
    reference = "sklearn.naive_bayes.MultinomialNB"
    examples = ({}, {"alpha": 0.1, "fit_prior": False}, {"class_prior": [0.5, 0.25, 0.25]})
    search_space: ClassVar = {
        "alpha": {"low": 1e-3, "high": 100.0, "log": True},
        "fit_prior": {"choices": [True, False]},
    }
    repeats_by_weight = True

    def fit(
        self,
        features: pl.DataFrame,
        target: NDArray[np.generic],
        config: MultinomialNbConfig,
        *,
        weights: NDArray[np.float64] | None = None,
    ) -> Params:
        """Train; returns coefficients and intercepts, a row per class."""
        refuse_nulls(features, _NAME)
        refuse_negative(features, _NAME)
        weights = weighed(target, weights, config.class_weight, _NAME)
        classes = checked_classes(target, weights, config.class_prior, _NAME)
        with fitting(_NAME), np.errstate(all="ignore"):  # looked for below
            model = MultinomialNB(**config.model_dump(exclude={"class_weight"}))
            model.fit(to_matrix(features), target, sample_weight=weights)
        shares = logarithms(model.feature_log_prob_, features, _NAME)
        return classifier_params(shares, model.class_log_prior_, link="softmax", classes=classes, node=_NAME)
