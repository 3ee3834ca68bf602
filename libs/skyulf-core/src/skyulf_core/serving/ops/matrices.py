"""The features of a row or a batch as numpy arrays, for models that work on all of them at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skyulf_core.serving.ops.base import Columns, OpError, Origins, Row, as_float
from skyulf_core.serving.ops.linear import null_features, refuse_nulls


def feature_row(values: Row, features: Sequence[str]) -> NDArray[np.float64]:
    """Return the features of a row. Raises OpError for nulls."""
    row = [values[name] for name in features]
    if None in row:
        raise OpError(null_features(values, features))
    return np.array(row, np.float64)


def features_matrix(columns: Columns, features: Sequence[str]) -> NDArray[np.float64]:
    """Return the features of a batch as rows x features, each feature by itself in memory. Raises OpError for nulls."""
    found = [as_float(columns[name]) for name in features]
    refuse_nulls(features, found)
    return np.stack(found).T if found else np.empty((0, 0))


def nulls_refused(origins: Origins, features: Sequence[str]) -> frozenset[str]:
    """Return the inputs whose null would reach one of the features."""
    return frozenset[str]().union(*(origins.get(name, frozenset()) for name in features))
