"""The tree ensemble operation: forests and boosted trees, walked on float64."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from skyulf_core.serving.ops.base import Columns, Op, OpError, Origins, Row, RowFunction, as_float, operation
from skyulf_core.serving.ops.forest import Forest
from skyulf_core.serving.ops.linear import PROBABILITIES, SCORES, model_makes, null_features, refuse_nulls, store_batch
from skyulf_core.serving.ops.links import links
from skyulf_core.serving.ops.tree_sums import Adder, SingleSums, VectorSums, WeightedMedian
from skyulf_core.serving.ops.walk import Trees

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
    `combine: average` divides the sums by `divisor`, or by the number of trees where it is null. `weighted_median`
    takes the leaf value at which, in the order of the values (of equals the first tree), half of `weights` is reached.
    `link` makes probabilities. `precision: float32` rounds to float32 after each addition and each step of the link.
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
    combine: Literal["sum", "average", "weighted_median"] = "sum"
    link: Literal["identity", "sigmoid", "softmax", "probability"] = "identity"
    nulls: Literal["route", "refuse"] = "route"
    divisor: float | None = None
    weights: NDArray[np.float64] | None = None
    precision: Literal["float64", "float32"] = "float64"

    def __post_init__(self) -> None:
        for name, dtype in _DTYPES.items():
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype))
        if self.combine not in ("sum", "average", "weighted_median") or self.nulls not in ("route", "refuse"):
            raise ValueError(f"tree_ensemble: {self.combine!r}, {self.nulls!r}")
        links(self.link, self.precision)
        if self.baseline.ndim != 1:
            raise ValueError("tree_ensemble: the baseline is a number per output")
        self._check_combining()
        self.trees().check(len(self.features), len(self.baseline))

    def _check_combining(self) -> None:
        single = bool((self.tree_output >= 0).all())
        if self.divisor is not None and not (self.combine == "average" and 0.0 < abs(self.divisor) < math.inf):
            raise ValueError("tree_ensemble: a divisor is a number that an average has")
        if self.precision == "float32" and (self.combine != "sum" or not single):
            raise ValueError("tree_ensemble: float32 is for sums of trees with one output")
        if (self.weights is not None) != (self.combine == "weighted_median"):
            raise ValueError("tree_ensemble: weights and weighted_median go together")
        if self.weights is not None:
            object.__setattr__(self, "weights", np.asarray(self.weights, np.float64))
            if not single or len(self.baseline) != 1 or self.weights.shape != self.roots.shape or not len(self.roots):
                raise ValueError("tree_ensemble: a weighted median has one output, and a weight for each tree")

    def trees(self) -> Trees:
        """Return the arrays that the walks use."""
        return Trees(
            self.feature, self.threshold, self.left, self.right, self.missing_left,
            self.values, self.roots, self.tree_output,
        )  # fmt: skip

    @cached_property
    def _forest(self) -> Forest:
        return Forest(self.trees(), self._adder, len(self.features))

    def _adder(self, trees: Trees) -> Adder:
        if self.weights is not None:
            return WeightedMedian(trees, self.weights)
        if (self.tree_output >= 0).all():
            return SingleSums(trees, self.baseline, np.float32 if self.precision == "float32" else np.float64)
        return VectorSums(trees, self.baseline)

    def _divide(self) -> float | None:
        if self.combine != "average":
            return None
        return float(len(self.roots)) if self.divisor is None else self.divisor

    def row_function(self) -> RowFunction:
        """Score one row."""
        features, link, refuse = self.features, links(self.link, self.precision), self.nulls == "refuse"
        pick = itemgetter(*features) if len(features) > 1 else lambda values: (values[features[0]],)
        score, divisor = self._forest.row, self._divide()

        def run(values: Row) -> None:
            row = pick(values)
            missing = None in row
            if missing:
                if refuse:
                    raise OpError(null_features(values, features))
                row = tuple(math.nan if value is None else value for value in row)
            row = tuple(map(float, row))  # Python compares integers exactly, batches compare float64
            scores = score(row, missing=missing)
            if divisor is not None:
                scores = [total / divisor for total in scores]
            values[SCORES] = scores
            values[PROBABILITIES] = link(scores)

        return run

    def batch(self, columns: Columns) -> None:
        """Score columns."""
        matrix = [as_float(columns[name]) for name in self.features]
        if self.nulls == "refuse":
            refuse_nulls(self.features, matrix)
        scores, divisor = self._forest.batch(matrix), self._divide()
        if divisor is not None:
            scores /= divisor
        store_batch(columns, scores, self.link, self.precision)

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
