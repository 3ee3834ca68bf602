"""H3Index: the hexagonal cell in which a position lies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, cast

import polars as pl
from pydantic import Field
from pydantic.config import JsonDict

from skyulf_core.data.frames import require_columns
from skyulf_core.nodes.base import Kind, LazyApplier, NodeConfig, StreamingCalculator
from skyulf_core.nodes.columns import free_name
from skyulf_core.nodes.extras import extra_needed, extra_problems
from skyulf_core.nodes.features.computing import OutputName
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.problems import DataError, Problem
from skyulf_core.schema import NUMERIC, ColumnSchema, Schema
from skyulf_core.serving.ops import H3Index, Op
from skyulf_core.serving.ops.geo import cell_function

_COLUMN: JsonDict = {"x-widget": "column"}


class H3IndexConfig(NodeConfig):
    """Which position, and how large a cell."""

    lat: str = Field(title="Latitude", description="Degrees, -90 to 90.", json_schema_extra=_COLUMN)
    lon: str = Field(title="Longitude", description="Degrees, -180 to 180.", json_schema_extra=_COLUMN)
    resolution: int = Field(
        default=7, ge=0, le=15, title="Resolution", description="0: 4,000,000 km² a cell; 7: 5 km²; 15: 1 m²."
    )
    on_error: Literal["null", "fail"] = Field(
        default="null", title="On error", description="A coordinate outside its range counts as missing, or stops."
    )
    output: OutputName = Field(default="h3", title="Output", description="Name of the new column.")

    def named_columns(self) -> Iterator[tuple[str, str]]:
        """Yield both columns."""
        yield from (("/lat", self.lat), ("/lon", self.lon))


class H3IndexApplier(LazyApplier):
    """Finds the cells."""

    def fuses(self, params: Params) -> bool:
        """Say whether no position can be refused."""
        return params.text("on_error") == "null"

    def transform(self, frame: pl.LazyFrame, params: Params) -> pl.LazyFrame:
        """Return the query with the cells, as texts, at the end of the frame."""
        resolution = cast("int", params["resolution"])
        with extra_needed():
            cell_function()

        def find(coordinates: Sequence[pl.Series]) -> pl.Series:
            return _cells(coordinates[0], coordinates[1], resolution)

        degrees = [pl.col(name).cast(pl.Float64) for name in params.strings("columns")]
        cells = pl.map_batches(degrees, find, return_dtype=pl.String, is_elementwise=True)
        return frame.with_columns(cells.alias(params.text("output")))

    def refuse(self, frame: pl.LazyFrame, params: Params) -> None:
        """Raise DataError for a position that is none."""
        latitude, longitude = (pl.col(name) for name in params.strings("columns"))
        given = latitude.is_not_null() & longitude.is_not_null()
        pairs = frame.filter(given & ~_valid(latitude, longitude)).select(latitude.alias("lat"), longitude.alias("lon"))
        wrong = pairs.head(1).collect()
        if wrong.height:
            message = f"({wrong['lat'][0]!r}, {wrong['lon'][0]!r}) is no position on earth"
            raise DataError(message, reason="invalid-coordinates", column=params.strings("columns")[0])

    def plan(self, params: Params) -> list[Op]:
        """Return one h3_index operation."""
        latitude, longitude = params.strings("columns")
        on_error = cast("Literal['null', 'fail']", params.text("on_error"))
        resolution = cast("int", params["resolution"])
        return [H3Index((latitude, longitude), params.text("output"), resolution, on_error)]


def _valid(latitude: pl.Expr, longitude: pl.Expr) -> pl.Expr:
    return (latitude.cast(pl.Float64).abs() <= 90.0) & (longitude.cast(pl.Float64).abs() <= 180.0)


def _cells(latitude: pl.Series, longitude: pl.Series, resolution: int) -> pl.Series:
    """Return the cell of each position, computed once for equal ones."""
    pairs = pl.DataFrame({"lat": latitude, "lon": longitude})
    unique = pairs.filter(_valid(pl.col("lat"), pl.col("lon"))).unique()
    cell = cell_function()
    found = [cell(north, east, resolution) for north, east in unique.iter_rows()]
    table = unique.with_columns(pl.Series("cell", found, dtype=pl.String))
    return pairs.join(table, on=["lat", "lon"], how="left", maintain_order="left")["cell"]


@NodeRegistry.register("H3Index", H3IndexApplier)
class H3IndexCalculator(StreamingCalculator[H3IndexConfig]):
    """Find the cell of the H3 grid in which a position lies, as a text to count, group or encode by.

    Needs the extra `geo` (h3). A missing coordinate gives a missing cell.

    >>> data = pl.DataFrame({"lat": [59.91, None], "lon": [10.75, 12.5]})
    >>> params = H3IndexCalculator().fit(data, H3IndexConfig(lat="lat", lon="lon", resolution=5))
    >>> H3IndexApplier().apply(data, params)["h3"].to_list()
    ['8509993bfffffff', None]

    >>> params = H3IndexCalculator().fit(data, H3IndexConfig(lat="lat", lon="lon", on_error="fail"))
    >>> H3IndexApplier().apply(pl.DataFrame({"lat": [95.0], "lon": [10.0]}), params)
    Traceback (most recent call last):
    skyulf_core.problems.DataError: (95.0, 10.0) is no position on earth
    """

    family = "geo"
    kind = Kind.STATELESS
    keywords = ("h3", "hexagon", "grid", "cell", "latitude", "longitude", "coordinates")
    examples = (
        {"lat": "lat", "lon": "lon"},
        {"lat": "number", "lon": "price", "resolution": 0, "output": "cell"},
        {"lat": "lat", "lon": "lon", "resolution": 15},
    )
    accepts = NUMERIC
    extra = "geo"
    reference = "h3.latlng_to_cell"
    tolerance = 0

    def check(self, schema: Schema, config: H3IndexConfig) -> list[Problem]:
        """Say where the package is missing."""
        return extra_problems("h3", extra="geo")

    def learn(self, frame: pl.LazyFrame, config: H3IndexConfig) -> Params:
        """Keep the columns; no row is read."""
        with extra_needed():
            cell_function()
        schema = frame.collect_schema()
        require_columns(pl.DataFrame(schema=schema), list(dict.fromkeys((config.lat, config.lon))))
        return Params(
            columns=[config.lat, config.lon],
            output=free_name(config.output, set(schema)),
            resolution=config.resolution,
            on_error=config.on_error,
        )

    def infer_schema(self, schema: Schema, config: H3IndexConfig) -> Schema:
        """Return the schema with the cell at its end."""
        return schema.append([ColumnSchema(free_name(config.output, set(schema.names)), "string")])
