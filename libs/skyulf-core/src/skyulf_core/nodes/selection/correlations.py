"""Correlations of pairs of columns, over the rows where both have a value."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from skyulf_core.nodes.matrix import Matrix

_BLOCK = 50_000
_DOUBTFUL = 1e-6


def correlations(matrix: Matrix, method: str) -> Matrix:
    """Return the correlation of each two columns; NaN (of the matrix) is missing, and rows count per pair.

    NaN in the result: a pair without two different values on each side. As `pandas.DataFrame.corr`.
    """
    if method == "kendall":
        return _pair_by_pair(matrix, _kendall)
    if method == "pearson":
        return _pearson(matrix)
    return _spearman(matrix)


def _spearman(matrix: Matrix) -> Matrix:
    complete: NDArray[np.bool_] = np.asarray(~np.isnan(matrix).any(axis=0))
    found, present = _unknown(matrix), ~np.isnan(matrix)
    places = [_places(column) for column in matrix.T]
    # ranks among all rows serve all pairs of columns that miss nothing
    whole = [_ranks(among) for among, everything in zip(places, complete, strict=True) if everything]
    if whole:
        found[np.ix_(complete, complete)] = _pearson(np.column_stack(whole))
    for i in range(len(places)):
        for j in range(i):
            if not (complete[i] and complete[j]):
                both = present[:, i] & present[:, j]
                found[i, j] = found[j, i] = _of_ranks(_ranks(places[i][both]), _ranks(places[j][both]))
    return found


def _unknown(matrix: Matrix) -> Matrix:
    return np.full((matrix.shape[1], matrix.shape[1]), np.nan)


def _pair_by_pair(matrix: Matrix, measure: Callable[[Matrix, Matrix], float]) -> Matrix:
    found, present = _unknown(matrix), ~np.isnan(matrix)
    for i in range(matrix.shape[1]):
        for j in range(i):
            both = present[:, i] & present[:, j]
            found[i, j] = found[j, i] = measure(matrix[both, i], matrix[both, j])
    return found


def _pearson(matrix: Matrix) -> Matrix:
    """Return Pearson's correlations from sums of products, blockwise; doubtful ones again, in two passes."""
    if not matrix.size:
        return _unknown(matrix)
    present = ~np.isnan(matrix)
    counts = np.maximum(present.sum(axis=0), 1)
    means = np.where(present, matrix, 0.0).sum(axis=0) / counts
    width = matrix.shape[1]
    rows, sums, squares, products = (np.zeros((width, width)) for _ in range(4))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):  # looked for below
        for begin in range(0, len(matrix), _BLOCK):
            there = present[begin : begin + _BLOCK]
            # what is missing adds nothing: the sums of a pair run over the rows that both have
            centred = np.where(there, matrix[begin : begin + _BLOCK] - means, 0.0)
            weights = there.astype(np.float64)
            rows += weights.T @ weights
            sums += centred.T @ weights
            squares += (centred**2).T @ weights
            products += centred.T @ centred
        left, right = rows * squares - sums**2, rows * squares.T - sums.T**2
        found = (rows * products - sums * sums.T) / (np.sqrt(left) * np.sqrt(right))
        sure = (left > _DOUBTFUL * rows * squares) & (right > _DOUBTFUL * rows * squares.T) & np.isfinite(found)
    return _pair_by_pair_where(matrix, np.clip(found, -1.0, 1.0), ~sure)


def _pair_by_pair_where(matrix: Matrix, found: Matrix, again: NDArray[np.bool_]) -> Matrix:
    for i, j in zip(*np.nonzero(np.tril(again, -1)), strict=True):
        both = ~np.isnan(matrix[:, i]) & ~np.isnan(matrix[:, j])
        found[i, j] = found[j, i] = _exact(matrix[both, i], matrix[both, j])
    return found


def _exact(x: Matrix, y: Matrix) -> float:
    if not len(x) or x.min() == x.max() or y.min() == y.max():
        return np.nan
    # scaled first: the square of a very large or small number is none
    x, y = x / np.abs(x).max(), y / np.abs(y).max()
    x, y = (x - x.mean()) / (x.max() - x.min()), (y - y.mean()) / (y.max() - y.min())
    return float(np.clip((x @ y) / np.sqrt((x @ x) * (y @ y)), -1.0, 1.0))


def _places(column: Matrix) -> NDArray[np.int32]:
    """Return the place of each value among the different ones of its column: they are sorted once for all pairs."""
    return np.unique(column, return_inverse=True)[1].astype(np.int32)


def _ranks(places: NDArray[np.int32]) -> Matrix:
    """Return the ranks of some rows among each other, equal ones their mean."""
    counts = np.bincount(places)
    mean: Matrix = np.cumsum(counts) - (counts - 1) / 2
    return mean[places]


def _of_ranks(x: Matrix, y: Matrix) -> float:
    """Return Pearson's correlation of ranks, whose mean is known and whose squares are never too large."""
    middle = (len(x) + 1) / 2
    x, y = x - middle, y - middle
    spread = np.sqrt((x @ x) * (y @ y))
    return float(np.clip((x @ y) / spread, -1.0, 1.0)) if spread else np.nan


def _kendall(x: Matrix, y: Matrix) -> float:
    from scipy.stats import kendalltau

    if not len(x) or x.min() == x.max() or y.min() == y.max():
        return np.nan
    return float(kendalltau(x, y).statistic)
