"""Calibration of classifiers: what was learned as arrays, and the operation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from skyulf_core.params import Params
from skyulf_core.problems import DataError
from skyulf_core.serving.ops import Calibrate

Method = Literal["sigmoid", "isotonic"]
Source = Literal["scores", "probabilities"]


def refuse_rare_classes(target: NDArray[np.generic], folds: int, node: str) -> None:
    """Raise DataError where a class has fewer rows than there are folds."""
    rarest = int(np.bincount(target.astype(np.int64)).min())
    if rarest < folds:
        way = f"choose cv of at most {rarest}" if rarest > 1 else "leave it out, or join it with another"
        raise DataError(
            f"a class has {rarest} training rows, fewer than the {folds} folds: {way}",
            reason="rare-class",
            node=node,
        )


def calibration_arrays(
    calibrators: Sequence[Any], classes: int, *, method: Method, source: Source
) -> dict[str, object]:
    """Return scikit-learn's fitted calibrators as params: `calibration_<k>` are the arrays of class k."""
    arrays = {
        f"calibration_{k}": np.array([each.a_, each.b_], np.float64)
        if method == "sigmoid"
        else np.stack([each.X_thresholds_, each.y_thresholds_], axis=1).astype(np.float64)
        for k, each in enumerate(calibrators)
    }
    return {**arrays, "calibrated": classes, "method": method, "source": source}


def calibration_op(params: Params) -> Calibrate:
    """Return the operation of stored arrays."""
    classes = int(str(params["calibrated"]))
    arrays = [params.array(f"calibration_{k}") for k in range(1 if classes == 2 else classes)]
    return Calibrate(
        classes,
        tuple(cast("list[NDArray[np.float64]]", arrays)),
        cast("Method", params.text("method")),
        cast("Source", params.text("source")),
    )
