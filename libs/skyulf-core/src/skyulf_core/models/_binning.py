"""scikit-learn's histogram boosting, with bins that may have been made before."""

from __future__ import annotations

import hashlib
from typing import TypeVar, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from skyulf_core.models._bins import Made, remembered
from skyulf_core.models._configs import BoostingConfig

_Model = TypeVar("_Model", "BinnedClassifier", "BinnedRegressor")


class _Binned:
    """Overrides how scikit-learn's histogram boosting comes to its bins."""

    made: Made | None = None
    _bin_mapper: object

    def _bin_data(self, X: object, sample_weight: object, is_training_data: bool) -> NDArray[np.uint8]:
        made = self.made
        if made is None:
            return self._binned_anew(X, sample_weight, is_training_data)
        if is_training_data not in made.binned:
            made.binned[is_training_data] = self._binned_anew(X, sample_weight, is_training_data)
            made.mapper = self._bin_mapper
        self._bin_mapper = made.mapper
        return made.binned[is_training_data]

    def _binned_anew(self, rows: object, weights: object, training: bool) -> NDArray[np.uint8]:
        return cast("NDArray[np.uint8]", super()._bin_data(rows, weights, training))  # type: ignore[misc]


class BinnedClassifier(_Binned, HistGradientBoostingClassifier):  # type: ignore[misc]  # scikit-learn has no types
    """scikit-learn's, whose bins may have been made before."""


class BinnedRegressor(_Binned, HistGradientBoostingRegressor):  # type: ignore[misc]
    """scikit-learn's, whose bins may have been made before."""


def fit_binned(
    model: _Model,
    features: pl.DataFrame,
    matrix: NDArray[np.floating],
    target: NDArray[np.generic],
    weights: NDArray[np.float64] | None,
    config: BoostingConfig,
) -> _Model:
    """Train on the matrix of a frame; with bins that are remembered, where somebody remembers them."""
    bins = remembered()
    if bins is None:
        model.fit(matrix, target, sample_weight=weights)
        return model
    digest = _digest(target, weights, config)
    model.made = bins.of(features, digest)
    model.fit(matrix, target, sample_weight=weights)
    bins.keep(model.made, digest)
    return model


def _digest(target: NDArray[np.generic], weights: NDArray[np.float64] | None, config: BoostingConfig) -> str:
    """Return what tells apart everything but the frame that bins depend on: which rows are held out, and weights."""
    parts = (
        config.max_bins, config.early_stopping, config.validation_fraction, config.random_state,
        getattr(config, "class_weight", None),
    )  # fmt: skip
    digest = hashlib.sha256(repr(parts).encode())
    for values in (target, weights):
        digest.update(b"-" if values is None else np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()
