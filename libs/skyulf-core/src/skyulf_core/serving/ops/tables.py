"""Tables of categories and values: many rows looked up at once, each table built once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skyulf_core.serving.ops.base import Scalar, any_float, from_plain

_INT64 = range(-(2**63), 2**63)


class Codes:
    """The code of each category, that of a null, and that of what is neither."""

    def __init__(self, codes: Mapping[Any, int], *, missing: int, unknown: int) -> None:
        # a NaN is a null, whichever it is: as a key it would be found by identity
        self._codes = {**{key: code for key, code in codes.items() if key == key}, None: missing}
        self._missing, self._unknown = missing, unknown

    def of(self, column: NDArray[Any]) -> NDArray[np.intp]:
        """Return the code of each value."""
        values = column.tolist()
        found = np.fromiter(map(self._codes.get, values, repeat(self._unknown)), np.intp, len(values))
        if column.dtype.kind in "fO" and self._missing != self._unknown:
            # every NaN is among those that were not found: a look at these is quicker than one at all
            others = np.flatnonzero(found == self._unknown).tolist()
            found[[row for row in others if values[row] != values[row]]] = self._missing
        return found


class Values:
    """Values by their position, in the form that `from_plain` gives to those that are taken."""

    def __init__(self, values: Iterable[Scalar]) -> None:
        self._values = list(values)
        self._array = _array(self._values)

    @cached_property
    def any_float(self) -> bool:
        """Whether one of them is a float."""
        return any_float(self._values)

    @property
    def floats(self) -> bool:
        """Whether all of them are floats or null, so that what is taken always is float64."""
        return self._array is not None and self._array.dtype.kind == "f"

    def take(self, positions: NDArray[np.intp]) -> NDArray[Any]:
        """Return the values at these positions."""
        if self._array is not None and len(positions):
            return self._array[positions]
        return from_plain(self.plain(positions))

    def plain(self, positions: NDArray[np.intp]) -> list[Scalar]:
        """Return the values at these positions as they are."""
        values = self._values
        return [values[position] for position in positions.tolist()]


def _array(values: Sequence[Scalar]) -> NDArray[Any] | None:
    """Return an array of the only type that values taken from these can have; None where they have several."""
    kinds = set(map(type, values))
    if kinds <= {float, type(None)}:
        return np.array([np.nan if value is None else value for value in values], np.float64)
    if kinds == {int} and all(value in _INT64 for value in values):
        return np.array(values, np.int64)
    return None
