"""The tree ensemble operation: forests and boosted trees, walked on float64."""

from __future__ import annotations

import math
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from skyulf_core.serving.ops.base import Columns, Op, OpError, Origins, Row, RowFunction, as_float, operation
from skyulf_core.serving.ops.linear import PROBABILITIES, SCORES, model_makes, null_features, refuse_nulls, store_batch
from skyulf_core.serving.ops.links import LINKS
from skyulf_core.serving.ops.walk import Trees, nested, walk_batch, walk_nested, walk_row

_NESTED_NODES = 400_000
_DTYPES = {
    "feature": np.int32,
    "threshold": np.float64,
    "left": np.int32,
    "right": np.int32,
    "missing_left": np.bool_,
    "values": np.float64,
    "roots": np.int64,
    "tree_output": np.int32,
    "baseline": np.float64,
}


@operation
@dataclass(frozen=True, eq=False)
class TreeEnsemble(Op):
    """The sum (or average) of trees, added in their order to `baseline`.

    Nodes of all trees lie in one run of arrays; `roots[t]` is the first node of tree t. An inner node sends a row to
    `left` where `x[feature] <= threshold`, else to `right`; a null goes left where `missing_left` is set (with
    `nulls: refuse` it raises instead). `left` and `right` are absolute node numbers.
    A leaf has `feature` -1, and `left` is its row in `values`. `values` has one column, added to the output
    `tree_output[t]` (boosting), or one column per output (forests: `tree_output` is -1).
    `combine: average` divides the sums by the number of trees. `link` makes probabilities.
    """

    op: ClassVar[str] = "tree_ensemble"
    features: tuple[str, ...]
    feature: NDArray[np.int32]
    threshold: NDArray[np.float64]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    missing_left: NDArray[np.bool_]
    values: NDArray[np.float64]
    roots: NDArray[np.int64]
    tree_output: NDArray[np.int32]
    baseline: NDArray[np.float64]
    combine: Literal["sum", "average"] = "sum"
    link: Literal["identity", "sigmoid", "softmax", "probability"] = "identity"
    nulls: Literal["route", "refuse"] = "route"

    def __post_init__(self) -> None:
        for name, dtype in _DTYPES.items():
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype))
        if self.link not in LINKS or self.combine not in ("sum", "average") or self.nulls not in ("route", "refuse"):
            raise ValueError(f"tree_ensemble: {self.link!r}, {self.combine!r}, {self.nulls!r}")
        self.trees().check(len(self.features), len(self.baseline))

    def trees(self) -> Trees:
        """Return the arrays that the walks use."""
        return Trees(
            self.feature, self.threshold, self.left, self.right, self.missing_left,
            self.values, self.roots, self.tree_output,
        )  # fmt: skip

    def row_function(self) -> RowFunction:
        """Score one row: nested tuples where they fit in memory, else the arrays."""
        features, link, refuse = self.features, LINKS[self.link], self.nulls == "refuse"
        pick = itemgetter(*features) if len(features) > 1 else lambda values: (values[features[0]],)
        score = self._scorer()

        def run(values: Row) -> None:
            row = pick(values)
            missing = None in row
            if missing:
                if refuse:
                    raise OpError(null_features(values, features))
                row = tuple(math.nan if value is None else value for value in row)
            row = tuple(map(float, row))  # Python compares integers exactly, batches compare float64
            scores = score(row, missing)
            values[SCORES] = scores
            values[PROBABILITIES] = link(scores)

        return run

    def _scorer(self) -> Any:
        start, trees = self.baseline.tolist(), self.trees()
        divisor = len(self.roots) if self.combine == "average" else None
        small = len(self.feature) <= _NESTED_NODES
        grown = nested(trees) if small else None

        def score(row: tuple[Any, ...], missing: bool) -> list[float]:
            found = walk_row(trees, start, row) if grown is None else walk_nested(grown, start, row, missing=missing)
            return found if divisor is None else [total / divisor for total in found]

        return score

    def batch(self, columns: Columns) -> None:
        """Score columns."""
        matrix = [as_float(columns[name]) for name in self.features]
        if self.nulls == "refuse":
            refuse_nulls(self.features, matrix)
        scores = walk_batch(self.trees(), self.baseline, matrix)
        if self.combine == "average":
            scores /= len(self.roots)
        store_batch(columns, scores, self.link)

    def makes(self) -> frozenset[str]:
        """Make scores, and probabilities for a classifier."""
        return model_makes(self.link)

    def needed(self, after: frozenset[str]) -> frozenset[str]:
        """Need the features."""
        return (after - self.makes()) | frozenset(self.features)

    def trace(self, origins: Origins) -> frozenset[str]:
        """Nulls have a direction in every tree, unless they are refused."""
        if self.nulls == "route":
            return frozenset()
        return frozenset().union(*(origins.get(name, frozenset()) for name in self.features))
