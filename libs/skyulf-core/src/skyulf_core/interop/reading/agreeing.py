"""The proof of what was read: scikit-learn and this library answer the same for the rows at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from skyulf_core.data.frames import to_polars
from skyulf_core.interop.reading.gaps import is_missing
from skyulf_core.interop.reading.line import UnsupportedEstimatorError
from skyulf_core.interop.tables import array_of, frame_of

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

    from skyulf_core.pipeline.pipeline import Pipeline

TOLERANCE = 1e-9
_KNOWN = (
    "; scikit-learn computes with 32 bits where rows have 32 bits (give them as 64 bits), its "
    "KNNImputer and LocalOutlierFactor take any of equally near rows, and the first, weighted by distance, mixes "
    "neighbours into rows that are equal to a known one"
)
_LAST_BIT = (
    f"{_KNOWN}; trees may part rows by the last bit of a number, "
    "which PCA and TruncatedSVD compute in another order than scikit-learn"
)


def require_agreement(fitted: BaseEstimator, data: object, pipeline: Pipeline, columns: list[str]) -> None:
    """Raise UnsupportedEstimatorError where answers differ by more than 1e-9, or labels at all."""
    frame = frame_of(data)
    if pipeline.fitted.model is None:
        ours = to_polars(pipeline.transform(frame)).select(columns)
        _compare("what transform gives", _dense(fitted.transform(data)), array_of(ours), _KNOWN)
        return
    predicted = np.asarray(pl.Series(pipeline.predict(frame)).to_list())
    _compare("predictions", np.asarray(fitted.predict(data)), predicted, _LAST_BIT)
    if pipeline.fitted.task == "anomaly":
        decisions = pl.Series(pipeline.decision_function(frame)).to_numpy()
        _compare("decisions", np.asarray(fitted.decision_function(data)), decisions, _LAST_BIT)
    if pipeline.fitted.classes is not None and hasattr(fitted, "predict_proba"):
        probabilities = to_polars(pipeline.predict_proba(frame)).to_numpy()
        _compare("probabilities", np.asarray(fitted.predict_proba(data)), probabilities, _LAST_BIT)


def _dense(found: Any) -> NDArray[Any]:
    if hasattr(found, "toarray"):
        return np.asarray(found.toarray())
    if isinstance(found, pl.DataFrame):
        return array_of(found)
    return np.asarray(found)


def _compare(what: str, theirs: NDArray[Any], ours: NDArray[Any], hint: str = "") -> None:
    if theirs.shape != ours.shape:
        raise UnsupportedEstimatorError(f"{what} have the shape {ours.shape}, scikit-learn's {theirs.shape}")
    same = np.array([_equal(a, b) for a, b in zip(theirs.ravel(), ours.ravel(), strict=True)]).reshape(theirs.shape)
    if not same.all():
        place = tuple(int(i) for i in np.argwhere(~same)[0])
        raise UnsupportedEstimatorError(
            f"{what} are not scikit-learn's: at {place} {ours[place]!r} instead of {theirs[place]!r} "
            f"({int((~same).sum())} of {same.size} differ){hint}"
        )


def _equal(theirs: Any, ours: Any) -> bool:
    if isinstance(theirs, str) or isinstance(ours, str):
        return bool(theirs == ours)
    a, b = _number(theirs), _number(ours)
    return a == b or (a != a and b != b) or abs(a - b) <= TOLERANCE * max(1.0, abs(a))


def _number(value: Any) -> float:
    return float("nan") if is_missing(value) else float(value)
