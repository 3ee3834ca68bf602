"""What scikit-learn hands over (arrays, frames, sequences) as the frames of this library, and back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from skyulf_core.data.frames import normalise, to_polars
from skyulf_core.problems import CoreError, DataError, InvalidConfigError

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.base import BaseEstimator


@contextmanager
def refusing(data: pl.DataFrame | pd.DataFrame) -> Iterator[None]:
    """Turn errors of this library into the ValueError that scikit-learn expects, with the words that it looks for."""
    try:
        yield
    except CoreError as error:
        codes = {problem.code for problem in error.problems} if isinstance(error, InvalidConfigError) else set()
        if "missing-values" in codes | {getattr(error, "reason", "")}:
            raise ValueError(f"Input X contains NaN: {error}") from error
        if getattr(error, "reason", "") == "negative-values":
            raise ValueError(f"Negative values in data: {error}") from error
        shape = f" (n_samples = {data.shape[0]}, n_features = {data.shape[1]})" if isinstance(error, DataError) else ""
        raise ValueError(f"{error}{shape}") from error


def table_of(estimator: BaseEstimator, x: object, *, reset: bool) -> pl.DataFrame:
    """Return X as a frame, checked as scikit-learn checks; columns without names are called `x0`, `x1`, …

    With `reset` the estimator learns its `n_features_in_` and `feature_names_in_`, else X must have them.
    """
    from sklearn.utils.validation import validate_data

    if isinstance(x, pl.DataFrame) or _is_pandas(x):
        validate_data(estimator, x, reset=reset, skip_check_array=True)
        frame = _named(cast("pl.DataFrame", x))
        if not len(frame):
            raise ValueError(f"Found array with 0 sample(s) (shape={frame.shape}) while a minimum of 1 is required.")
        with refusing(frame):
            return normalise(to_polars(frame))
    array = validate_data(estimator, x, reset=reset, dtype=None, ensure_all_finite="allow-nan")
    return normalise(pl.DataFrame([_series(f"x{i}", array[:, i]) for i in range(array.shape[1])]))


def frame_of(x: object) -> pl.DataFrame | pd.DataFrame:
    """Return a frame as it is, and an array as one whose columns are called `x0`, `x1`, …"""
    if isinstance(x, pl.DataFrame) or _is_pandas(x):
        return _named(cast("pl.DataFrame", x))
    array = np.asarray(x)
    if array.ndim != 2:
        raise ValueError(f"Expected 2D array, got {array.ndim}D array instead")
    return normalise(pl.DataFrame([_series(f"x{i}", array[:, i]) for i in range(array.shape[1])]))


def _named(frame: pl.DataFrame | pd.DataFrame) -> pl.DataFrame | pd.DataFrame:
    """Return a pandas frame whose columns are numbered as scikit-learn sees it: without names."""
    if isinstance(frame, pl.DataFrame) or any(isinstance(name, str) for name in frame.columns):
        return frame
    return frame.set_axis([f"x{i}" for i in range(frame.shape[1])], axis=1)


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
