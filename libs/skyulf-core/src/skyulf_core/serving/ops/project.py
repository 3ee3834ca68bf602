"""The projecting operation: a few sums of many columns (PCA and its kin)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from skyulf_core.serving.ops.base import (
    Columns,
    Op,
    OpError,
    Origins,
    Row,
    RowFunction,
    ValueProblem,
    as_float,
    is_null,
    operation,
    same_length,
)


@operation
@dataclass(frozen=True, eq=False)
class Project(Op):
    """`outputs[k] = sum over columns of (x - offset) * matrix[k, column]`, summed in the order of the columns.

    float64 throughout, one operation at a time, from 0.0 on; columns whose weight is 0 are left out of a sum. A sum
    that is NaN is null. A null in any column raises. The columns are removed last with `drop_original`.
    """

    op: ClassVar[str] = "project"
    columns: tuple[str, ...]
    offsets: tuple[float, ...]
    matrix: NDArray[np.float64]
    outputs: tuple[str, ...]
    drop_original: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "offsets", tuple(float(v) for v in self.offsets))
        object.__setattr__(self, "matrix", np.atleast_2d(np.asarray(self.matrix, np.float64)))
        same_length("project", columns=self.columns, offsets=self.offsets)
        if self.matrix.shape != (len(self.outputs), len(self.columns)):
            raise ValueError(f"project: shape {self.matrix.shape} for {len(self.outputs)} outputs")
        if not (np.isfinite(self.matrix).all() and np.isfinite(self.offsets).all()):
            raise ValueError("project: offsets and matrix must be finite")
        if set(self.outputs) & set(self.columns):
            raise ValueError("project: an output has the name of a column")

    def _sums(self) -> list[tuple[str, list[tuple[int, float]]]]:
        """Return each output with the positions and weights that it sums."""
        return [
            (name, [(i, weight) for i, weight in enumerate(weights) if weight != 0.0])
            for name, weights in zip(self.outputs, self.matrix.tolist(), strict=True)
        ]

    def row_function(self) -> RowFunction:
        """Project one row."""
        pairs, sums = tuple(zip(self.columns, self.offsets, strict=True)), self._sums()
        dropped = self.columns if self.drop_original else ()

        def run(values: Row) -> None:
            try:
                centred = [values[name] - offset for name, offset in pairs]
            except TypeError:
                problems = [_null(0, name) for name in self.columns if values[name] is None]
                if not problems:
                    raise
                raise OpError(problems) from None
            for name, weighted in sums:
                total = 0.0
                for i, weight in weighted:
                    total += centred[i] * weight
                values[name] = total if total == total else None
            for name in dropped:
                del values[name]

        return run

    def batch(self, columns: Columns) -> None:
        """Project columns."""
        read = [as_float(columns[name]) for name in self.columns]
        problems = [_null(int(row), name) for name, column in _pairs(self.columns, read) for row in _nulls(column)]
        if problems:
            raise OpError(problems)
        length = len(next(iter(columns.values()))) if columns else 0
        with np.errstate(over="ignore", invalid="ignore"):  # as Python's floats
            centred = [column - offset for column, offset in zip(read, self.offsets, strict=True)]
            for name, weighted in self._sums():
                total = np.zeros(length, np.float64)
                for i, weight in weighted:
                    total += centred[i] * weight
                columns[name] = total
        for name in self.columns if self.drop_original else ():
            del columns[name]

    def makes(self) -> frozenset[str]:
        """Make the outputs."""
        return frozenset(self.outputs)

    def restrict(self, after: frozenset[str]) -> Op | None:
        """Keep the outputs that are needed; every one needs all the columns, so that none of them may be null."""
        kept = [i for i, name in enumerate(self.outputs) if name in after]
        if not kept:
            return None
        return replace(self, matrix=self.matrix[kept], outputs=tuple(self.outputs[i] for i in kept))

    def needed(self, after: frozenset[str]) -> frozenset[str]:
        """Need the columns."""
        return (after - self.makes()) | frozenset(self.columns)

    def trace(self, origins: Origins) -> frozenset[str]:
        """Refuse every null that reaches a column."""
        refused = frozenset().union(*(origins.get(name, frozenset()) for name in self.columns))
        origins.update(dict.fromkeys(self.outputs, frozenset()))
        return refused


def _pairs(names: tuple[str, ...], read: list[NDArray[np.float64]]) -> list[tuple[str, NDArray[np.float64]]]:
    return list(zip(names, read, strict=True))


def _nulls(column: NDArray[Any]) -> list[int]:
    found: list[int] = np.flatnonzero(is_null(column)).tolist()
    return found


def _null(row: int, name: str) -> ValueProblem:
    return ValueProblem(row, name, "is null, and a projection cannot work with nulls", "null")
