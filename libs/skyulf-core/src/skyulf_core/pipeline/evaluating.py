"""How right a fitted model is on rows whose target is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from skyulf_core.fitted import FittedModel, FittedPipeline
from skyulf_core.nodes.base import UNSUPERVISED
from skyulf_core.pipeline.answering import answers
from skyulf_core.pipeline.applying import predict_codes, predict_scores
from skyulf_core.pipeline.targets import encoded
from skyulf_core.pipeline.weighing import weight_values
from skyulf_core.problems import NotFittedError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from skyulf_core.evaluation import Evaluation
    from skyulf_core.nodes.base import Label


def evaluate_model(
    fitted: FittedPipeline,
    model: FittedModel,
    features: pl.DataFrame,
    truth: pl.Series | None,
    *,
    weights: pl.Series | None = None,
) -> Evaluation:
    """Compare what a model says of these features with the truth, each row counting as much as it weighs.

    Raises NotFittedError without a target.

    What a model without a target says is judged by itself, and compared with the truth where there is one.
    """
    from skyulf_core.evaluation import evaluate_classification, evaluate_regression  # imports scikit-learn

    if fitted.task in UNSUPERVISED:
        return evaluate_unsupervised(fitted, model, features, truth)
    if truth is None or fitted.task is None:
        raise NotFittedError("There is no target to compare with.")
    target: NDArray[np.generic] = encoded(truth, fitted.task, fitted.classes)
    (predicted, probabilities), values = answers(fitted, features), weight_values(weights)
    if fitted.classes is None:
        return evaluate_regression(target, predicted, weights=values)
    return evaluate_classification(target, predicted, probabilities, classes=fitted.classes, weights=values)


def evaluate_unsupervised(
    fitted: FittedPipeline, model: FittedModel, features: pl.DataFrame, reference: pl.Series | None
) -> Evaluation:
    """Judge clusters, or decisions about anomalies; labels of the reference may be missing, fractions are none."""
    from skyulf_core.evaluation import evaluate_anomaly, evaluate_clustering

    predicted, labels = predict_codes(model, features).astype("int64"), _labels(reference)
    decisions = predict_scores(model, features)
    if decisions is not None:
        return evaluate_anomaly(decisions, predicted, reference=labels)
    rows = features.select(pl.all().cast(pl.Float64)).to_numpy()
    return evaluate_clustering(rows, predicted, names=model.features, reference=labels)


def _labels(reference: pl.Series | None) -> list[Label | None] | None:
    """Return a column as labels; None where it is none of labels, but of fractions."""
    if reference is None or not reference.dtype.is_float():
        return None if reference is None else reference.to_list()
    known = reference.drop_nulls()
    whole = known.is_finite().all() and bool((known == known.round()).all())
    return reference.cast(pl.Int64).to_list() if whole else None
