"""Calibration: probabilities that come true as often as they say.

Fitted on probabilities of rows that the model has not learned from (out of fold): those of training rows are too sure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from skyulf_core.evaluation.rows import Codes, Floats, rows_of
from skyulf_core.problems import DataError
from skyulf_core.serving.ops import PROBABILITIES, Calibrate

Method: TypeAlias = Literal["sigmoid", "isotonic"]

LEAST_ROWS = 10


@dataclass(frozen=True)
class Calibration:
    """What corrects probabilities, as numbers: one function per class, for two classes one of the second.

    `sigmoid`: (slope, offset) of `1 / (1 + exp(slope * p + offset))`; `isotonic`: points (p, corrected), p ascending.
    More than two classes are corrected one by one and divided by their sum.
    """

    method: Method
    classes: int
    parameters: tuple[tuple[float, ...] | tuple[tuple[float, float], ...], ...]
    rows: int

    def __post_init__(self) -> None:
        self.op()  # raises ValueError where the numbers are none of a calibration

    def op(self) -> Calibrate:
        """Return the operation of the serving plan that does it."""
        parameters = tuple(np.array(each, np.float64) for each in self.parameters)
        return Calibrate(self.classes, parameters, self.method, "probabilities")

    def apply(self, probabilities: Floats) -> Floats:
        """Return corrected probabilities (float64): what the serving plan answers, to the last bit."""
        columns: dict[str, NDArray[np.generic]] = {PROBABILITIES: np.asarray(probabilities, np.float64)}
        self.op().batch(columns)
        return cast("Floats", columns[PROBABILITIES])

    def to_dict(self) -> dict[str, JsonValue]:
        """Return JSON values."""
        parameters = [np.array(each).tolist() for each in self.parameters]
        return {"method": self.method, "classes": self.classes, "parameters": parameters, "rows": self.rows}

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Calibration:
        """Read what `to_dict` returned."""
        found = tuple(_tuples(each) for each in cast("list[list[object]]", data["parameters"]))
        return cls(cast("Method", data["method"]), int(str(data["classes"])), found, int(str(data["rows"])))  # type: ignore[arg-type]


def fit_calibration(
    method: Method,
    truth: NDArray[np.generic],
    probabilities: Floats,
    *,
    classes: Sequence[object],
    weights: Floats | None = None,
) -> Calibration:
    """Learn to correct probabilities of rows that the model has not learned from.

    The same as scikit-learn's CalibratedClassifierCV(ensemble=False) does with probabilities: `sigmoid` after Platt
    (1999), two numbers, right for few rows; `isotonic` any rising curve, for 1,000 rows or more. Raises DataError where
    a class has no rows: nothing is known then of how often it comes true.
    """
    rows = rows_of(truth, truth, probabilities, classes=classes, weights=weights)
    known = rows.known_probabilities()
    if len(truth) < LEAST_ROWS:
        raise DataError(f"calibration needs at least {LEAST_ROWS} rows, not {len(truth)}", reason="too-few-rows")
    missing = [str(label) for code, label in enumerate(classes) if not rows.tally.actual[0, code]]
    if missing:
        message = f"class {missing[0]!r} has no row to calibrate on; take more rows, or leave the class out"
        raise DataError(message, reason="missing-class")
    codes = [1] if len(classes) == 2 else range(len(classes))
    given = None if weights is None else rows.weights[0]
    fit = _sigmoid if method == "sigmoid" else _isotonic
    found = tuple(fit(known[:, code], (rows.truth == code).astype(np.float64), given) for code in codes)
    return Calibration(method, len(classes), found, len(truth))


def cross_calibrated(
    method: Method,
    truth: NDArray[np.generic],
    probabilities: Floats,
    folds: Codes,
    *,
    classes: Sequence[object],
    weights: Floats | None = None,
) -> Floats:
    """Return out-of-fold probabilities, those of each fold corrected by what the other folds teach.

    For what is chosen on calibrated probabilities afterwards (thresholds, conformal sets): a correction that has seen
    the rows itself would make them look better than those of new rows. A fold without which a class has no rows, and a
    single fold, are corrected by all.
    """
    found = np.empty_like(probabilities, dtype=np.float64)
    whole: Calibration | None = None
    for fold in np.unique(folds).tolist():
        inside = folds == fold
        rest = None if weights is None else weights[~inside]
        try:
            learned = fit_calibration(method, truth[~inside], probabilities[~inside], classes=classes, weights=rest)
        except DataError:
            whole = whole or fit_calibration(method, truth, probabilities, classes=classes, weights=weights)
            learned = whole
        found[inside] = learned.apply(probabilities[inside])
    return found


def _sigmoid(scores: Floats, positive: Floats, weights: Floats | None) -> tuple[float, float]:
    # scikit-learn has it under this name only; the answer shall be the same to the last bit
    from sklearn.calibration import _sigmoid_calibration

    slope, offset = _sigmoid_calibration(scores, positive, weights)
    return float(slope), float(offset)


def _isotonic(scores: Floats, positive: Floats, weights: Floats | None) -> tuple[tuple[float, float], ...]:
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(out_of_bounds="clip").fit(scores, positive, weights)
    points = zip(fitted.X_thresholds_.tolist(), fitted.y_thresholds_.tolist(), strict=True)
    return tuple((float(place), float(value)) for place, value in points)


def _tuples(values: list[object]) -> tuple[object, ...]:
    return tuple(tuple(value) if isinstance(value, list) else value for value in values)
