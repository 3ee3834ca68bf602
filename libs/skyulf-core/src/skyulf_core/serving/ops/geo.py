"""Operations on coordinates in degrees: geo_distance, h3_index."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from skyulf_core.serving.ops.base import Columns, Op, OpError, Origins, Row, RowFunction, ValueProblem, operation
from skyulf_core.serving.ops.base import as_float as floats
from skyulf_core.serving.ops.extras import need

RADIANS = math.pi / 180.0
"""What a degree is multiplied with."""


def valid_position(latitude: object, longitude: object) -> bool:
    """Say whether this is a place on earth: latitude from -90 to 90, longitude from -180 to 180."""
    return (
        isinstance(latitude, int | float)
        and isinstance(longitude, int | float)
        and -90.0 <= latitude <= 90.0
        and -180.0 <= longitude <= 180.0
    )


class _OnPositions(Op):
    """Reads columns of coordinates and makes one output."""

    columns: tuple[str, ...]
    output: str

    def makes(self) -> frozenset[str]:
        """Make the output."""
        return frozenset({self.output})

    def needed(self, after: frozenset[str]) -> frozenset[str]:
        """Need the coordinates."""
        return (after - self.makes()) | frozenset(self.columns)

    def trace(self, origins: Origins) -> frozenset[str]:
        """A null of any coordinate reaches the output."""
        origins[self.output] = frozenset().union(*(origins.get(name, frozenset()) for name in self.columns))
        return frozenset()


@operation
@dataclass(frozen=True)
class GeoDistance(_OnPositions):
    """Write the distance of two positions; `columns` are latitude and longitude of the one, then of the other.

    With `s` and `t` the sines of half the differences of latitude and longitude, and
    `a = s * s + cos(latitude 1) * cos(latitude 2) * (t * t)`: `haversine` is `2 * asin(min(1, sqrt(a))) * radius`,
    along the surface; `euclidean` is `2 * sqrt(a) * radius`, straight through the earth. A coordinate that is null
    or outside its range (90, 180 degrees) gives null.
    """

    op: ClassVar[str] = "geo_distance"
    columns: tuple[str, str, str, str]
    output: str
    radius: float
    method: Literal["haversine", "euclidean"] = "haversine"

    def __post_init__(self) -> None:
        if len(self.columns) != 4 or self.method not in ("haversine", "euclidean") or not self.radius > 0.0:
            raise ValueError("geo_distance: four columns, a radius above 0 and a known method expected")

    def row_function(self) -> RowFunction:
        """Measure in one row."""
        (north, east, south, west), output, radius = self.columns, self.output, self.radius
        sin, cos, sqrt, asin, surface = math.sin, math.cos, math.sqrt, math.asin, self.method == "haversine"

        def run(values: Row) -> None:
            one, other = values[north], values[south]
            if not valid_position(one, values[east]) or not valid_position(other, values[west]):
                values[output] = None
                return
            one, other = one * RADIANS, other * RADIANS
            s, t = sin((one - other) / 2.0), sin((values[east] * RADIANS - values[west] * RADIANS) / 2.0)
            half = sqrt(s * s + cos(one) * cos(other) * (t * t))
            values[output] = 2.0 * (asin(min(1.0, half)) if surface else half) * radius

        return run

    def batch(self, columns: Columns) -> None:
        """Measure in columns; sines are the C library's, as those of a row."""
        degrees = [floats(columns[name]) for name in self.columns]
        valid = np.all([np.abs(d) <= most for d, most in zip(degrees, (90.0, 180.0, 90.0, 180.0), strict=True)], axis=0)
        one, east, other, west = (np.where(valid, d, 0.0) * RADIANS for d in degrees)
        s, t = _mapped(math.sin, (one - other) / 2.0), _mapped(math.sin, (east - west) / 2.0)
        half = np.sqrt(s * s + _mapped(math.cos, one) * _mapped(math.cos, other) * (t * t))
        if self.method == "haversine":
            half = _mapped(math.asin, np.minimum(1.0, half))
        columns[self.output] = np.where(valid, 2.0 * half * self.radius, np.nan)


def _mapped(function: Any, values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.fromiter(map(function, values.tolist()), np.float64, len(values))


@operation
@dataclass(frozen=True)
class H3Index(_OnPositions):
    """Write the H3 cell of a position as text (15 hexadecimal digits); `columns` are latitude and longitude.

    Null where a coordinate is null. One outside its range gives null (`null`) or is refused (`fail`).
    """

    op: ClassVar[str] = "h3_index"
    columns: tuple[str, str]
    output: str
    resolution: int
    on_error: Literal["null", "fail"] = "null"

    def __post_init__(self) -> None:
        if len(self.columns) != 2 or self.resolution not in range(16) or self.on_error not in ("null", "fail"):
            raise ValueError("h3_index: two columns and a resolution from 0 to 15 expected")

    def row_function(self) -> RowFunction:
        """Find the cell of one row."""
        cell, (latitude, longitude), output, resolution = cell_function(), self.columns, self.output, self.resolution
        refuse = self.on_error == "fail"

        def run(values: Row) -> None:
            north, east = values[latitude], values[longitude]
            if valid_position(north, east):
                values[output] = cell(north, east, resolution)
                return
            if refuse and known(north) and known(east):
                raise OpError([_outside(0, latitude, north, east)])
            values[output] = None

        return run

    def batch(self, columns: Columns) -> None:
        """Find the cells of columns, as texts."""
        cell, (latitude, longitude) = cell_function(), self.columns
        pairs = list(zip(floats(columns[latitude]).tolist(), floats(columns[longitude]).tolist(), strict=True))
        if self.on_error == "fail":
            wrong = [(i, p) for i, p in enumerate(pairs) if known(p[0]) and known(p[1]) and not valid_position(*p)]
            if wrong:
                raise OpError([_outside(row, latitude, *pair) for row, pair in wrong])
        found = np.empty(len(pairs), object)
        found[:] = [cell(*pair, self.resolution) if valid_position(*pair) else None for pair in pairs]
        columns[self.output] = found


def known(value: object) -> bool:
    """Say whether a coordinate is there: neither None nor NaN."""
    return value is not None and value == value


def cell_function() -> Any:
    """Return h3's function from latitude, longitude and resolution to a cell. Raises MissingExtraError."""
    return need("h3", extra="geo").latlng_to_cell


def _outside(row: int, column: str, north: float, east: float) -> ValueProblem:
    return ValueProblem(row, column, f"({north!r}, {east!r}) is no position on earth", "invalid_coordinates")
