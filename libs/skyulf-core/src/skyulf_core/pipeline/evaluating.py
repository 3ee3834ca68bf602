"""How right a fitted model is on rows whose target is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from skyulf_core.fitted import FittedModel, FittedPipeline
from skyulf_core.pipeline.applying import predict_codes, predict_probabilities
from skyulf_core.pipeline.targets import encoded
from skyulf_core.problems import NotFittedError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from skyulf_core.evaluation import Evaluation


def evaluate_model(
    fitted: FittedPipeline, model: FittedModel, features: pl.DataFrame, truth: pl.Series | None
) -> Evaluation:
    """Compare what a model says of these features with the truth. Raises NotFittedError without a target."""
    from skyulf_core.evaluation import evaluate_classification, evaluate_regression  # imports scikit-learn

    if truth is None or fitted.task is None:
        raise NotFittedError("There is no target to compare with.")
    target: NDArray[np.generic] = encoded(truth, fitted.task, fitted.classes)
    predicted = predict_codes(model, features)
    if fitted.classes is None:
        return evaluate_regression(target, predicted)
    return evaluate_classification(target, predicted, predict_probabilities(model, features), classes=fitted.classes)
