"""CustomBinning: numbers into bins whose edges are given."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

import polars as pl
from pydantic import Field, StrictInt, StrictStr, model_validator

from skyulf_core.nodes.base import Kind, NodeConfig, StreamingCalculator
from skyulf_core.nodes.binning.applying import Binned, BinsApplier, bins_params
from skyulf_core.nodes.binning.edges import check_edges
from skyulf_core.nodes.binning.general_binning import Edges, Labels
from skyulf_core.nodes.binning.labels import range_labels
from skyulf_core.nodes.columns import chosen_lazy
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params, Scalar
from skyulf_core.problems import pointer_part
from skyulf_core.schema import NUMERIC, Schema


class CustomBinningConfig(NodeConfig):
    """The edges and labels of each column, and which side of a bin is closed."""

    edges: dict[str, Edges] = Field(
        default_factory=dict,
        max_length=1000,
        title="Edges",
        description="Ascending edges of the bins, for each column that is divided.",
    )
    labels: Literal["ordinal", "range"] | dict[str, Labels] = Field(
        default="ordinal",
        title="Labels",
        description="What comes out: 0, 1, …, texts as `(1, 2.5]`, or own texts for each column.",
    )
    right: bool = Field(
        default=True, title="Right closed", description="Whether a number on an edge belongs to the bin below it."
    )
    include_lowest: bool = Field(
        default=True,
        title="Lowest included",
        description="Whether the lowest edge belongs to the first bin.",
        json_schema_extra={"x-visible-if": {"right": True}},
    )
    out_of_range: Literal["clip", "null"] = Field(
        default="null",
        title="Out of range",
        description="Numbers beyond the outer edges belong to the outer bins (clip), or become missing (null).",
    )
    missing_label: StrictInt | StrictStr | None = Field(
        default=None,
        title="Missing",
        description="Label of missing values: a number with ordinal labels, else a text; empty: they stay missing.",
    )

    def named_columns(self) -> Iterator[tuple[str, str]]:
        """Yield the columns that have edges."""
        for name in self.edges:
            yield f"/edges/{pointer_part(name)}", name

    @model_validator(mode="after")
    def _fits(self) -> CustomBinningConfig:
        for name, edges in self.edges.items():
            check_edges(edges, f"column {name!r}")
        if isinstance(self.labels, dict):
            if set(self.labels) != set(self.edges):
                raise ValueError("labels must be given for the columns that have edges, and no others")
            for name, labels in self.labels.items():
                if len(labels) != len(self.edges[name]) - 1:
                    raise ValueError(f"column {name!r}: labels must be {len(self.edges[name]) - 1}, one for each bin")
        if self.missing_label is not None and isinstance(self.missing_label, int) is not (self.labels == "ordinal"):
            raise ValueError("missing_label must be a number with ordinal labels, a text with others")
        return self


class CustomBinningApplier(BinsApplier):
    """Replaces numbers by the labels of their bins."""


@NodeRegistry.register("CustomBinning", CustomBinningApplier)
class CustomBinningCalculator(StreamingCalculator[CustomBinningConfig]):
    """Divide numbers into bins whose edges are given for each column.

    As pandas.cut with the same `bins`, `right` and `include_lowest`; what is out of range becomes missing, or belongs
    to the outer bins (`out_of_range="clip"`).

    >>> data = pl.DataFrame({"age": [0, 17, 18, 64, 130, None]})
    >>> config = CustomBinningConfig(edges={"age": [0, 18, 65]}, labels={"age": ["child", "adult"]}, right=False)
    >>> params = CustomBinningCalculator().fit(data, config)
    >>> CustomBinningApplier().apply(data, params)["age"].to_list()
    ['child', 'child', 'adult', 'adult', None, None]

    >>> CustomBinningConfig(edges={"age": [0, 18, 18]})  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    pydantic_core._pydantic_core.ValidationError: ...
    """

    family = "binning"
    kind = Kind.STATELESS
    keywords = ("bins", "discretize", "cut", "interval", "buckets", "edges", "groups")
    examples = (
        {},
        {"edges": {"number": [-20, 0, 10.5, 60], "count": [1, 3, 6]}},
        {"edges": {"number": [-20, 0, 60], "price": [5, 50]}, "right": False, "labels": "range", "missing_label": "?"},
        {"edges": {"count": [0, 3, 6]}, "labels": {"count": ["few", "many"]}, "include_lowest": False},
        {"edges": {"count": [1, 2, 3, 4], "number": [0, 9]}, "out_of_range": "clip", "missing_label": 9},
    )
    accepts = NUMERIC
    reference = "pandas.cut"
    tolerance = 0.0

    def learn(self, frame: pl.LazyFrame, config: CustomBinningConfig) -> Params:
        """Keep the edges. Raises DataError for a column that is not there."""
        columns = chosen_lazy(frame, list(config.edges), NUMERIC)
        return bins_params([_binned(name, config) for name in columns], "right" if config.right else "left")

    def infer_schema(self, schema: Schema, config: CustomBinningConfig) -> Schema:
        """Return the schema with integers or texts in the columns that have edges."""
        changed = schema.change(config.edges, dtype="integer" if config.labels == "ordinal" else "string")
        if config.out_of_range == "null":
            return changed.change(config.edges, nullable=True)
        return changed if config.missing_label is None else changed.change(config.edges, nullable=False)


def _binned(name: str, config: CustomBinningConfig) -> Binned:
    edges, bounded = config.edges[name], config.out_of_range == "null"
    first, last = edges[0], edges[-1]
    if config.right and not config.include_lowest:
        first = math.nextafter(first, math.inf)
    if not config.right:
        last = math.nextafter(last, -math.inf)
    return Binned(
        column=name,
        cuts=[float(edge) for edge in edges[1:-1]],
        labels=_labels(name, config),
        lower=float(first) if bounded else None,
        upper=float(last) if bounded else None,
        missing=config.missing_label,
    )


def _labels(name: str, config: CustomBinningConfig) -> list[Scalar]:
    if isinstance(config.labels, dict):
        return list(config.labels[name])
    if config.labels == "ordinal":
        return list(range(len(config.edges[name]) - 1))
    return list(range_labels(config.edges[name], right=config.right, lowest=config.include_lowest))
