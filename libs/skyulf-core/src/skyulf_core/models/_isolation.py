"""Isolation trees of scikit-learn as the arrays of the `tree_ensemble` operation: a leaf holds a depth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from skyulf_core.models._trees import float32_thresholds

if TYPE_CHECKING:
    from sklearn.ensemble import IsolationForest

LARGEST = float(np.finfo(np.float32).max)
"""Trees compare in float32: no number may be beyond."""


def isolation_arrays(model: IsolationForest) -> dict[str, NDArray[np.generic]]:
    """Return all trees as one run of nodes; the value of a leaf is the depth at which it isolates its rows."""
    trees = [estimator.tree_ for estimator in model.estimators_]
    starts = np.concatenate([[0], np.cumsum([tree.node_count for tree in trees])[:-1]]).astype(np.int64)
    feature = _joined(
        [columns[np.maximum(tree.feature, 0)] for tree, columns in zip(trees, model.estimators_features_, strict=True)]
    )
    left, right = (
        _joined([getattr(tree, side) + start for tree, start in zip(trees, starts, strict=True)])
        for side in ("children_left", "children_right")
    )
    leaf = _joined([tree.children_left < 0 for tree in trees]).astype(np.bool_)
    depths = _joined([tree.compute_node_depths() - 1.0 + average_path_length(tree.n_node_samples) for tree in trees])
    missing_left = _joined([tree.missing_go_to_left for tree in trees]).astype(np.bool_)
    return {
        "feature": np.where(leaf, -1, feature).astype(np.int32),
        "threshold": np.where(leaf, 0.0, float32_thresholds(_joined([tree.threshold for tree in trees]))),
        "left": np.where(leaf, np.cumsum(leaf) - 1, left).astype(np.int32),
        "right": np.where(leaf, 0, right).astype(np.int32),
        "missing_left": missing_left & ~leaf,
        "values": depths[leaf].reshape(-1, 1),
        "roots": starts,
        "tree_output": np.zeros(len(trees), np.int32),
    }


def expected_depth(model: IsolationForest) -> float:
    """Return the sum of the depths that all trees together would need on average; 0 where they saw one row."""
    sampled = np.array([model.max_samples_], np.int64)
    return len(model.estimators_) * float(average_path_length(sampled)[0])


def average_path_length(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the average number of cuts that isolate a row among n (Liu, Ting and Zhou 2008, equation 1)."""
    numbers = counts.astype(np.float64)
    found = np.where(numbers == 2, 1.0, 0.0)
    many = numbers > 2
    found[many] = 2.0 * (np.log(numbers[many] - 1.0) + np.euler_gamma) - 2.0 * (numbers[many] - 1.0) / numbers[many]
    return found


def _joined(parts: Sequence[NDArray[np.generic]]) -> NDArray[np.float64]:
    return cast("NDArray[np.float64]", np.concatenate(parts))
