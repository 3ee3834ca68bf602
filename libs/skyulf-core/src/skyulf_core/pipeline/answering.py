"""What a fitted pipeline answers: its model's probabilities and labels, as calibration and threshold decide."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from skyulf_core.fitted import FittedPipeline
from skyulf_core.pipeline.applying import predict_both, predict_codes, predict_probabilities
from skyulf_core.problems import NotFittedError


def answer_probabilities(fitted: FittedPipeline, features: pl.DataFrame) -> NDArray[np.float64] | None:
    """Return rows x classes of rows that came out of the last step; None where the model gives none."""
    if fitted.model is None:
        raise NotFittedError("This pipeline has no model; use transform.")
    found = predict_probabilities(fitted.model, features)
    return found if found is None or fitted.calibration is None else fitted.calibration.apply(found)


def answers(fitted: FittedPipeline, features: pl.DataFrame) -> tuple[NDArray[np.generic], NDArray[np.float64] | None]:
    """Return class codes or values, and probabilities, at the cost of one of them where the model allows."""
    if fitted.model is None:
        raise NotFittedError("This pipeline has no model; use transform.")
    codes, found = predict_both(fitted.model, features)
    if found is None or (fitted.threshold is None and fitted.calibration is None):
        return codes, found
    found = found if fitted.calibration is None else fitted.calibration.apply(found)
    return _decided(fitted, found), found


def answer_codes(fitted: FittedPipeline, features: pl.DataFrame) -> NDArray[np.generic]:
    """Return class codes or values."""
    if fitted.model is None:
        raise NotFittedError("This pipeline has no model; use transform.")
    if fitted.threshold is None and fitted.calibration is None:
        return predict_codes(fitted.model, features)
    found = answer_probabilities(fitted, features)
    if found is None:
        raise NotFittedError(f"{fitted.model.node} gives no probabilities to decide by.")
    return _decided(fitted, found)


def _decided(fitted: FittedPipeline, probabilities: NDArray[np.float64]) -> NDArray[np.generic]:
    return np.argmax(probabilities, axis=1) if fitted.threshold is None else fitted.threshold.codes(probabilities)
