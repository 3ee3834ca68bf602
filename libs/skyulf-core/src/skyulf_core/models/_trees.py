"""Trees of scikit-learn as the arrays of the `tree_ensemble` operation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from skyulf_core.params import Params
from skyulf_core.serving.ops import TreeEnsemble

_ARRAYS = (
    "feature", "threshold", "left", "right", "missing_left", "values", "roots", "tree_output", "baseline",
)  # fmt: skip


class ForestTree(Protocol):
    """The arrays of `sklearn.tree._tree.Tree` that are read."""

    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    children_left: NDArray[np.int64]
    children_right: NDArray[np.int64]
    missing_go_to_left: NDArray[np.uint8]
    value: NDArray[np.float64]


def forest_arrays(trees: Sequence[ForestTree]) -> dict[str, object]:
    """Return the arrays of a forest: one column of `values` per class, each leaf a distribution, or one number."""
    starts = _starts([len(tree.feature) for tree in trees])
    leaf = np.concatenate([tree.children_left < 0 for tree in trees])
    values = np.concatenate([tree.value[tree.children_left < 0, 0, :] for tree in trees])
    left = np.concatenate([tree.children_left + start for tree, start in zip(trees, starts, strict=True)])
    right = np.concatenate([tree.children_right + start for tree, start in zip(trees, starts, strict=True)])
    return _arrays(
        leaf,
        feature=np.concatenate([tree.feature for tree in trees]),
        threshold=float32_thresholds(np.concatenate([tree.threshold for tree in trees])),
        left=left,
        right=right,
        missing_left=np.concatenate([tree.missing_go_to_left for tree in trees]),
        values=values,
        roots=starts,
        tree_output=np.full(len(trees), -1 if values.shape[1] > 1 else 0),
        baseline=np.zeros(values.shape[1]),
    )


def boosting_arrays(
    iterations: Sequence[Sequence[NDArray[np.void]]], baseline: NDArray[np.float64]
) -> dict[str, object]:
    """Return the arrays of histogram gradient boosting from its node records, tree after tree."""
    trees = [nodes for iteration in iterations for nodes in iteration]
    outputs = [k for iteration in iterations for k in range(len(iteration))]
    starts = _starts([len(nodes) for nodes in trees])
    nodes = np.concatenate(trees)
    shift = np.repeat(starts, [len(tree) for tree in trees])
    leaf = nodes["is_leaf"].astype(np.bool_)
    return _arrays(
        leaf,
        feature=nodes["feature_idx"],
        threshold=nodes["num_threshold"],
        left=nodes["left"].astype(np.int64) + shift,
        right=nodes["right"].astype(np.int64) + shift,
        missing_left=nodes["missing_go_to_left"],
        values=nodes["value"][leaf].reshape(-1, 1),
        roots=starts,
        tree_output=np.array(outputs),
        baseline=np.ravel(baseline),
    )


def stored_arrays(
    trees: Sequence[Mapping[str, NDArray[np.generic]]], *, outputs: Sequence[int], baseline: NDArray[np.float64]
) -> dict[str, object]:
    """Return the arrays of trees of another library, each with its nodes in any order and the first as root.

    A tree has `feature` (-1 at a leaf), `threshold`, `left`, `right`, `missing_left` and `value` (at a leaf).
    """
    ordered = [_from_the_root(tree) for tree in trees]
    starts = _starts([len(tree["feature"]) for tree in ordered])
    shift = np.repeat(starts, [len(tree["feature"]) for tree in ordered])
    joined = {name: np.concatenate([tree[name] for tree in ordered]) for name in ordered[0]}
    leaf = np.asarray(joined["feature"], np.int64) < 0
    return _arrays(
        leaf,
        feature=joined["feature"],
        threshold=joined["threshold"],
        left=np.asarray(joined["left"], np.int64) + shift,
        right=np.asarray(joined["right"], np.int64) + shift,
        missing_left=joined["missing_left"],
        values=np.asarray(joined["value"], np.float64)[leaf].reshape(-1, 1),
        roots=starts,
        tree_output=np.array(outputs),
        baseline=baseline,
    )


def _from_the_root(tree: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.generic]]:
    """Return the nodes that can be reached, children after their parents."""
    left, right = np.asarray(tree["left"], np.int64), np.asarray(tree["right"], np.int64)
    leaf = np.asarray(tree["feature"], np.int64) < 0
    levels = [np.zeros(1, np.int64)]
    while len(inner := levels[-1][~leaf[levels[-1]]]):
        levels.append(np.stack([left[inner], right[inner]], axis=1).ravel())
    order = np.concatenate(levels)
    places = np.zeros(len(leaf), np.int64)
    places[order] = np.arange(len(order))
    found = {name: array[order] for name, array in tree.items()}
    inside = ~leaf[order]
    for name, children in (("left", left), ("right", right)):
        moved = np.zeros(len(order), np.int64)
        moved[inside] = places[children[order][inside]]
        found[name] = moved
    return found


def _starts(sizes: Sequence[int]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)


def _arrays(leaf: NDArray[np.bool_], **arrays: NDArray[np.generic]) -> dict[str, object]:
    """Bring node arrays into the stored form: at a leaf feature is -1 and `left` its row in `values`."""
    numbers = np.cumsum(leaf) - 1
    return {
        "feature": np.where(leaf, -1, arrays["feature"]).astype(np.int32),
        "threshold": np.where(leaf, 0.0, arrays["threshold"]),
        "left": np.where(leaf, numbers, arrays["left"]).astype(np.int32),
        "right": np.where(leaf, 0, arrays["right"]).astype(np.int32),
        "missing_left": arrays["missing_left"].astype(np.bool_) & ~leaf,
        "values": np.ascontiguousarray(arrays["values"], np.float64),
        "roots": arrays["roots"].astype(np.int64),
        "tree_output": arrays["tree_output"].astype(np.int32),
        "baseline": arrays["baseline"].astype(np.float64),
    }


def float32_thresholds(thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return thresholds t' so that `x <= t'` on float64 equals `float32(x) <= t`, as forests compare.

    t' is the largest float64 that rounds to a float32 not above t: halfway to the next float32, or just below.
    """
    below = thresholds.astype(np.float32)
    below = np.where(below > thresholds, np.nextafter(below, np.float32(-np.inf)), below)
    above = np.nextafter(below, np.float32(np.inf))
    halfway = (below.astype(np.float64) + above.astype(np.float64)) / 2.0
    return np.where(halfway.astype(np.float32) <= below, halfway, np.nextafter(halfway, -np.inf))


def tree_op(
    params: Params,
    features: Sequence[str],
    *,
    combine: Literal["sum", "average", "weighted_median"] = "sum",
    link: Literal["identity", "sigmoid", "softmax", "probability"],
    nulls: Literal["route", "refuse"] = "route",
    precision: Literal["float64", "float32"] = "float64",
) -> TreeEnsemble:
    """Return the operation for stored arrays; `divisor` and `weights` of the trees are used where they are stored."""
    arrays = cast("dict[str, NDArray[np.float64]]", {name: params.array(name) for name in _ARRAYS})
    weights = cast("NDArray[np.float64]", params.array("weights")) if "weights" in params else None
    return TreeEnsemble(
        tuple(features),
        **arrays,  # type: ignore[arg-type]
        combine=combine,
        link=link,
        nulls=nulls,
        divisor=cast("float | None", params.get("divisor")),
        weights=weights,
        precision=precision,
    )
