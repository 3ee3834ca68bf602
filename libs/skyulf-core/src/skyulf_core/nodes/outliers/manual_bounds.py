"""ManualBounds: training rows with values outside of stated bounds."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl
from pydantic import Field

from skyulf_core.nodes.base import Kind, NodeConfig, StreamingCalculator
from skyulf_core.nodes.columns import chosen_lazy
from skyulf_core.nodes.outliers.bounds import Bounds, BoundsApplier
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.problems import pointer_part
from skyulf_core.schema import NUMERIC, Schema


class ManualBoundsConfig(NodeConfig):
    """Between which values a row stays."""

    bounds: dict[str, Bounds] = Field(
        title="Bounds",
        description="Smallest and largest value of each column; the bounds themselves are inside.",
        json_schema_extra={"x-widget": "column-map"},
    )

    def named_columns(self) -> Iterator[tuple[str, str]]:
        """Yield the columns with bounds."""
        for name in self.bounds:
            yield f"/bounds/{pointer_part(name)}", name


class ManualBoundsApplier(BoundsApplier):
    """Keeps rows without outliers."""


@NodeRegistry.register("ManualBounds", ManualBoundsApplier)
class ManualBoundsCalculator(StreamingCalculator[ManualBoundsConfig]):
    """Leave out training rows with a value outside of your bounds; test rows and predictions keep all of theirs.

    A missing value is no outlier.

    >>> data = pl.DataFrame({"age": [30, -4, None, 200]})
    >>> params = ManualBoundsCalculator().fit(data, ManualBoundsConfig(bounds={"age": {"lower": 0, "upper": 120}}))
    >>> ManualBoundsApplier().apply(data, params)["age"].to_list()
    [30, None]

    >>> ManualBoundsConfig(bounds={"age": {"lower": 9, "upper": 1}})  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    pydantic_core._pydantic_core.ValidationError: ...
    """

    family = "outliers"
    kind = Kind.ROW_CHANGING
    keywords = ("outlier", "bounds", "range", "limits", "filter", "rows")
    examples = (
        {"bounds": {"number": {"lower": -10, "upper": 60}, "count": {"upper": 6}}},
        {"bounds": {"price": {"lower": 5.5}}},
        {"bounds": {}},
    )
    accepts = NUMERIC
    reference = "pandas.Series.between, both bounds inside, or missing"
    tolerance = 0.0

    def learn(self, frame: pl.LazyFrame, config: ManualBoundsConfig) -> Params:
        """Keep the bounds."""
        return Params(
            columns=chosen_lazy(frame, list(config.bounds), NUMERIC),
            lower=[bounds.lower for bounds in config.bounds.values()],
            upper=[bounds.upper for bounds in config.bounds.values()],
        )

    def infer_schema(self, schema: Schema, config: ManualBoundsConfig) -> Schema:
        """Return the same columns."""
        return schema
