"""What scikit-learn hands over (arrays, frames, sequences) as the frames of this library, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from skyulf_core.data.frames import normalise, to_polars

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator


def table_of(estimator: BaseEstimator, x: object, *, reset: bool, sparse: bool = False) -> pl.DataFrame:
    """Return X as a frame, checked as scikit-learn checks; columns of an array are named `x0`, `x1`, …

    With `reset` the estimator learns its `n_features_in_` and `feature_names_in_`, else X must have them.
    """
    from sklearn.utils.validation import validate_data

    if isinstance(x, pl.DataFrame) or _is_pandas(x):
        validate_data(estimator, x, reset=reset, skip_check_array=True)
        frame = to_polars(cast("pl.DataFrame", x))
        if not frame.height:
            raise ValueError(f"Found array with 0 sample(s) (shape={frame.shape}) while a minimum of 1 is required.")
        return normalise(frame)
    array = validate_data(estimator, x, reset=reset, dtype=None, ensure_all_finite="allow-nan", accept_sparse=sparse)
    return normalise(pl.DataFrame([_series(f"x{i}", array[:, i]) for i in range(array.shape[1])]))


def _is_pandas(x: object) -> bool:
    return type(x).__module__.partition(".")[0] == "pandas" and hasattr(x, "columns")


def _series(name: str, values: NDArray[Any]) -> pl.Series:
    if values.dtype.kind != "O":
        return pl.Series(name, values)
    plain = [None if value is None or value != value else value for value in values.tolist()]
    kinds = {type(value) for value in plain if value is not None}
    if kinds <= {int, float, bool}:
        return pl.Series(name, [None if value is None else float(value) for value in plain], dtype=pl.Float64)
    if kinds <= {str}:
        return pl.Series(name, plain, dtype=pl.String)
    raise TypeError(f"argument must be a string or a number: column {name} mixes {sorted(k.__name__ for k in kinds)}")


def array_of(frame: pl.DataFrame) -> NDArray[Any]:
    """Return a frame as scikit-learn passes it on: float64 (null as NaN) where all are numbers, else objects."""
    if all(dtype.is_numeric() or dtype == pl.Boolean for dtype in frame.schema.values()):
        return frame.cast(pl.Float64).to_numpy(order="c", writable=True) if frame.width else np.empty((frame.height, 0))
    return np.array(frame.rows(), dtype=object).reshape(frame.height, frame.width)


def output_of(frame: pl.DataFrame, original: object, container: str) -> object:
    """Return a frame in the container that `set_output` asked for; a pandas index is kept."""
    if container == "polars":
        return frame
    if container == "pandas":
        converted = frame.to_pandas()
        if _is_pandas(original) and len(converted) == len(cast("Any", original)):
            converted.index = cast("Any", original).index
        return converted
    return array_of(frame)
