"""The fitted regressors of scikit-learn's IterativeImputer as the numbers of the `iterative_impute` operation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from skyulf_core.models._trees import ForestTree, forest_arrays
from skyulf_core.problems import DataError

MOST_NODES = 2_000_000


class Estimator(Protocol):
    """What is read of a fitted regressor; by its kind it has some of these."""

    coef_: NDArray[np.float64]
    intercept_: float
    tree_: ForestTree
    estimators_: Sequence[Estimator]

    def predict(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return predictions."""


class Step(Protocol):
    """One step of the imputer: a column, those it is predicted from, and by what."""

    feat_idx: int
    neighbor_feat_idx: NDArray[np.int64]
    estimator: Estimator


@dataclass
class _MovedTree:
    """A tree that names columns by their position among all."""

    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    children_left: NDArray[np.int64]
    children_right: NDArray[np.int64]
    missing_go_to_left: NDArray[np.uint8]
    value: NDArray[np.float64]


def linear_arrays(steps: Sequence[Step], width: int) -> dict[str, object]:
    """Return coefficients (steps x columns) and intercepts."""
    coefficients = np.zeros((len(steps), width))
    for row, step in zip(coefficients, steps, strict=True):
        row[step.neighbor_feat_idx] = step.estimator.coef_
    return {"coefficients": coefficients, "intercepts": np.array([float(step.estimator.intercept_) for step in steps])}


def tree_arrays(steps: Sequence[Step]) -> dict[str, object]:
    """Return the node arrays of all trees; `roots` is steps x trees. Raises DataError for too many nodes."""
    trees: list[ForestTree] = []
    for step in steps:
        grown = step.estimator.estimators_ if hasattr(step.estimator, "estimators_") else [step.estimator]
        trees += [_moved(tree.tree_, step.neighbor_feat_idx) for tree in grown]
    if sum(len(tree.feature) for tree in trees) > MOST_NODES:
        raise DataError(
            f"the trees of the imputer have more than {MOST_NODES} nodes; lower max_depth, n_estimators or max_iter",
            reason="too-large",
        )
    if not trees:
        return {}
    arrays = forest_arrays(trees)
    roots = cast("NDArray[np.int64]", arrays["roots"])
    kept = {name: arrays[name] for name in ("feature", "threshold", "left", "right")}
    values = np.ravel(cast("NDArray[np.float64]", arrays["values"]))
    return {**kept, "values": values, "roots": roots.reshape(len(steps), -1)}


def _moved(tree: ForestTree, names: NDArray[np.int64]) -> ForestTree:
    leaf = tree.children_left < 0
    feature = np.where(leaf, -2, np.asarray(names)[np.where(leaf, 0, tree.feature)])
    return _MovedTree(
        feature, tree.threshold, tree.children_left, tree.children_right, tree.missing_go_to_left, tree.value
    )


def neighbour_arrays(
    steps: Sequence[Step], matrix: NDArray[np.float64], initial: NDArray[np.float64], rounds: int
) -> dict[str, object]:
    """Return the training rows, and what their missing values were after each round."""
    missing = np.isnan(matrix)
    filled = np.where(missing, initial, matrix)
    fills = [filled.T[missing.T]]
    per_round = len(steps) // rounds if rounds else 0
    for number, step in enumerate(steps, start=1):
        rows = missing[:, step.feat_idx]
        if rows.any():
            others = filled[np.ix_(rows, step.neighbor_feat_idx)]
            filled[rows, step.feat_idx] = step.estimator.predict(others)
        if number % per_round == 0:
            fills.append(filled.T[missing.T])
    return {"matrix": matrix, "fills": np.array(fills).reshape(rounds + 1, int(missing.sum()))}
