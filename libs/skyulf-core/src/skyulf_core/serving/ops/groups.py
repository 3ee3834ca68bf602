"""Operations on groups of rows: values looked up by several keys together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import repeat
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from skyulf_core.serving.ops.base import (
    Columns,
    Op,
    Origins,
    Row,
    RowFunction,
    Scalar,
    from_plain,
    operation,
    plain,
    same_length,
    widened,
)
from skyulf_core.serving.ops.tables import Values


@operation
@dataclass(frozen=True)
class GroupLookup(Op):
    """Write the values that are stored for the row's keys, taken together.

    `groups[i]` holds one key per column of `columns`; `values[j][i]` is what `outputs[j]` gets for that group, and
    `default[j]` what it gets where the group is not listed. A null is a key like any other. With `mode` `fill` an
    output that has a value already keeps it (it must exist before); with `write` it is written in any case.
    """

    op: ClassVar[str] = "group_lookup"
    columns: tuple[str, ...]
    groups: tuple[tuple[Scalar, ...], ...]
    outputs: tuple[str, ...]
    values: tuple[tuple[Scalar, ...], ...]
    default: tuple[Scalar, ...]
    mode: Literal["write", "fill"] = "write"

    def __post_init__(self) -> None:
        same_length("group_lookup", outputs=self.outputs, values=self.values, default=self.default)
        for values in self.values:
            same_length("group_lookup", groups=self.groups, values=values)
        for keys in self.groups:
            same_length("group_lookup", columns=self.columns, keys=keys)
        if self.mode not in ("write", "fill"):
            raise ValueError(f"group_lookup: mode {self.mode!r}")

    @cached_property
    def _table(self) -> dict[tuple[Scalar, ...], tuple[Scalar, ...]]:
        found = zip(*self.values, strict=True) if self.values else iter([()] * len(self.groups))
        return dict(zip(self.groups, found, strict=True))

    def row_function(self) -> RowFunction:
        """Look up one row."""
        columns, outputs, table, default = self.columns, self.outputs, self._table, self.default
        fill, wide = self.mode == "fill", [values.any_float for values in self._stored]

        def run(values: Row) -> None:
            found = table.get(_key([values[name] for name in columns]), default)
            for name, value, floats in zip(outputs, found, wide, strict=True):
                if not fill or values[name] is None or values[name] != values[name]:
                    values[name] = value
                elif floats:
                    values[name] = widened(values[name])

        return run

    @cached_property
    def _positions(self) -> dict[tuple[Scalar, ...], int]:
        return {keys: position for position, keys in enumerate(self.groups)}

    @cached_property
    def _stored(self) -> tuple[Values, ...]:
        """The values of each output; the last is the default."""
        return tuple(Values([*values, default]) for values, default in zip(self.values, self.default, strict=True))

    def batch(self, columns: Columns) -> None:
        """Look up columns."""
        keys = list(zip(*(plain(columns[name]) for name in self.columns), strict=True))
        places = map(self._positions.get, keys, repeat(len(self.groups)))
        found = np.fromiter(places, np.intp, len(keys))
        for name, values in zip(self.outputs, self._stored, strict=True):
            columns[name] = values.take(found) if self.mode == "write" else _filled(columns[name], values, found)

    def makes(self) -> frozenset[str]:
        """Make the outputs."""
        return frozenset(self.outputs)

    def restrict(self, after: frozenset[str]) -> Op | None:
        """Keep the outputs that are needed: what is filled need not be there otherwise."""
        kept = [i for i, name in enumerate(self.outputs) if name in after]
        if not kept:
            return None
        return replace(
            self,
            outputs=tuple(self.outputs[i] for i in kept),
            values=tuple(self.values[i] for i in kept),
            default=tuple(self.default[i] for i in kept),
        )

    def needed(self, after: frozenset[str]) -> frozenset[str]:
        """Need the keys, and what is filled."""
        made = self.makes() if self.mode == "write" else frozenset()
        return (after - made) | frozenset(self.columns)

    def trace(self, origins: Origins) -> frozenset[str]:
        """A null stops where every group and the default have a value."""
        for name, values, default in zip(self.outputs, self.values, self.default, strict=True):
            if default is not None and None not in values:
                origins[name] = frozenset()
            elif self.mode == "write":
                origins[name] = frozenset().union(*(origins.get(key, frozenset()) for key in self.columns))
        return frozenset()


def _key(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(None if value != value else value for value in values)


def _filled(before: NDArray[Any], values: Values, positions: NDArray[np.intp]) -> NDArray[Any]:
    if values.floats and before.dtype == np.float64:
        return np.where(np.isnan(before), values.take(positions), before)
    pairs = zip(plain(before), values.plain(positions), strict=True)
    found = [new if old is None else old for old, new in pairs]
    return from_plain([widened(value) for value in found] if values.any_float else found)
