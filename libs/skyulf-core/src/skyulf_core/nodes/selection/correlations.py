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
        return _pair_by_pair(matrix, _kendall, _unknown(matrix))
    if method == "pearson":
        return _pearson(matrix)
    complete: NDArray[np.bool_] = np.asarray(~np.isnan(matrix).any(axis=0))
    found, ranks = _unknown(matrix), matrix[:, complete]
    for position in range(ranks.shape[1]):  # ranks among all rows serve all pairs of columns that miss nothing
        ranks[:, position] = _ranks(ranks[:, position])
    found[np.ix_(complete, complete)] = _pearson(ranks)
    return _pair_by_pair(matrix, lambda x, y: _exact(_ranks(x), _ranks(y)), found, skip=complete)


def _unknown(matrix: Matrix) -> Matrix:
    return np.full((matrix.shape[1], matrix.shape[1]), np.nan)


def _pair_by_pair(
    matrix: Matrix,
    measure: Callable[[Matrix, Matrix], float],
    found: Matrix,
    *,
    skip: NDArray[np.bool_] | None = None,
) -> Matrix:
    present = ~np.isnan(matrix)
    for i in range(matrix.shape[1]):
        for j in range(i):
            if skip is None or not (skip[i] and skip[j]):
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


def _ranks(values: Matrix) -> Matrix:
    from scipy.stats import rankdata

    return np.asarray(rankdata(values), np.float64)


def _kendall(x: Matrix, y: Matrix) -> float:
    from scipy.stats import kendalltau

    if not len(x) or x.min() == x.max() or y.min() == y.max():
        return np.nan
    return float(kendalltau(x, y).statistic)
