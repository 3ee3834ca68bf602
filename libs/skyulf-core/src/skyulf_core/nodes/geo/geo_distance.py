"""GeoDistance: how far two positions on earth are from each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, cast

import polars as pl
from pydantic import Field
from pydantic.config import JsonDict

from skyulf_core.data.frames import require_columns
from skyulf_core.nodes.base import Kind, LazyApplier, NodeConfig, StreamingCalculator
from skyulf_core.nodes.columns import free_name
from skyulf_core.nodes.features.computing import OutputName
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.schema import NUMERIC, ColumnSchema, Schema
from skyulf_core.serving.ops import GeoDistance, Op
from skyulf_core.serving.ops.geo import RADIANS

_RADIUS = {"km": 6371.0088, "mi": 6371.0088 / 1.609344}
_COLUMN: JsonDict = {"x-widget": "column"}


class GeoDistanceConfig(NodeConfig):
    """Between which positions to measure, and how."""

    lat1: str = Field(title="Latitude 1", description="Degrees, -90 to 90.", json_schema_extra=_COLUMN)
    lon1: str = Field(title="Longitude 1", description="Degrees, -180 to 180.", json_schema_extra=_COLUMN)
    lat2: str = Field(title="Latitude 2", description="Degrees, -90 to 90.", json_schema_extra=_COLUMN)
    lon2: str = Field(title="Longitude 2", description="Degrees, -180 to 180.", json_schema_extra=_COLUMN)
    method: Literal["haversine", "euclidean"] = Field(
        default="haversine",
        title="Method",
        description="Along the surface (great circle), or straight through the earth (the chord).",
    )
    unit: Literal["km", "mi"] = Field(default="km", title="Unit", description="Kilometres, or miles.")
    output: OutputName = Field(default="distance", title="Output", description="Name of the new column.")

    def positions(self) -> tuple[str, str, str, str]:
        """Return the four columns."""
        return self.lat1, self.lon1, self.lat2, self.lon2

    def named_columns(self) -> Iterator[tuple[str, str]]:
        """Yield the four columns."""
        yield from zip(("/lat1", "/lon1", "/lat2", "/lon2"), self.positions(), strict=True)


class GeoDistanceApplier(LazyApplier):
    """Measures."""

    def transform(self, frame: pl.LazyFrame, params: Params) -> pl.LazyFrame:
        """Return the query with the distance at the end of the frame."""
        degrees = [pl.col(name).cast(pl.Float64) for name in params.strings("columns")]
        valid = [d.abs() <= most for d, most in zip(degrees, (90.0, 180.0, 90.0, 180.0), strict=True)]
        one, east, other, west = (d * RADIANS for d in degrees)
        s, t = ((one - other) / 2.0).sin(), ((east - west) / 2.0).sin()
        half = (s * s + one.cos() * other.cos() * (t * t)).sqrt()
        if params.text("method") == "haversine":
            half = half.clip(upper_bound=1.0).arcsin()
        distance = 2.0 * half * pl.lit(cast("float", params["radius"]))
        return frame.with_columns(pl.when(pl.all_horizontal(valid)).then(distance).alias(params.text("output")))

    def plan(self, params: Params) -> list[Op]:
        """Return one geo_distance operation."""
        one, east, other, west = params.strings("columns")
        method = cast("Literal['haversine', 'euclidean']", params.text("method"))
        radius = cast("float", params["radius"])
        return [GeoDistance((one, east, other, west), params.text("output"), radius, method)]


@NodeRegistry.register("GeoDistance", GeoDistanceApplier)
class GeoDistanceCalculator(StreamingCalculator[GeoDistanceConfig]):
    """Measure the distance between two positions given in degrees.

    `haversine` goes along the surface of a sphere with the earth's mean radius, 6371.0088 km; `euclidean` is the
    straight line between the two positions in space. A coordinate that is missing, or outside its range, gives a
    missing distance. The reference gives angles; ours are multiplied by the radius.

    >>> data = pl.DataFrame({"lat": [59.91], "lon": [10.75], "to_lat": [41.9], "to_lon": [12.5]})
    >>> config = GeoDistanceConfig(lat1="lat", lon1="lon", lat2="to_lat", lon2="to_lon")
    >>> params = GeoDistanceCalculator().fit(data, config)
    >>> GeoDistanceApplier().apply(data, params)["distance"].round(1).to_list()
    [2006.2]

    >>> GeoDistanceCalculator().fit(data.drop("lat"), config)
    Traceback (most recent call last):
    skyulf_core.problems.DataError: missing columns: 'lat'; the columns are: 'lon', 'to_lat', 'to_lon'
    """

    family = "geo"
    kind = Kind.STATELESS
    keywords = ("distance", "haversine", "latitude", "longitude", "coordinates", "great circle")
    examples = (
        {"lat1": "lat", "lon1": "lon", "lat2": "same", "lon2": "count"},
        {"lat1": "lat", "lon1": "lon", "lat2": "same", "lon2": "number", "unit": "mi", "method": "euclidean"},
        {"lat1": "number", "lon1": "price", "lat2": "lat", "lon2": "lon", "output": "away"},
    )
    accepts = NUMERIC
    reference = "sklearn.metrics.pairwise.haversine_distances"

    def learn(self, frame: pl.LazyFrame, config: GeoDistanceConfig) -> Params:
        """Keep the columns; no row is read."""
        schema = frame.collect_schema()
        require_columns(pl.DataFrame(schema=schema), list(dict.fromkeys(config.positions())))
        return Params(
            columns=list(config.positions()),
            output=free_name(config.output, set(schema)),
            method=config.method,
            radius=_RADIUS[config.unit],
        )

    def infer_schema(self, schema: Schema, config: GeoDistanceConfig) -> Schema:
        """Return the schema with the distance at its end."""
        return schema.append([ColumnSchema(free_name(config.output, set(schema.names)), "float")])
