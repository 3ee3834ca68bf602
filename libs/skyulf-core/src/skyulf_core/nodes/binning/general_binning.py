"""GeneralBinning: numbers into bins, by a strategy for all columns and exceptions for some."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, TypeAlias

import numpy as np
import polars as pl
from pydantic import Field, StrictInt, StrictStr, model_validator
from pydantic.config import JsonDict

from skyulf_core.nodes.base import Kind, NodeConfig, StreamingCalculator
from skyulf_core.nodes.binning.applying import Binned, BinsApplier, bins_params
from skyulf_core.nodes.binning.edges import Floats, Method, Wanted, check_edges, edges_of, wide_enough
from skyulf_core.nodes.binning.labels import labels_for
from skyulf_core.nodes.columns import ColumnNames, chosen, chosen_lazy, columns_field
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.problems import pointer_part
from skyulf_core.schema import NUMERIC, Schema

Strategy: TypeAlias = Literal["equal_width", "equal_frequency", "kmeans", "custom"]
Edges: TypeAlias = Annotated[list[Annotated[float, Field(allow_inf_nan=False)]], Field(min_length=2, max_length=1001)]
Labels: TypeAlias = Annotated[list[StrictStr], Field(min_length=1, max_length=1000)]

_METHODS: dict[str, Method] = {"equal_width": "width", "equal_frequency": "linear", "kmeans": "kmeans"}
_CUSTOM_EDGES: JsonDict = {"x-visible-if": {"strategy": "custom"}}
_CUSTOM_LABELS: JsonDict = {"x-visible-if": {"labels": "custom"}}


class ColumnBinning(NodeConfig):
    """What is other for one column; what is left out is as for all."""

    strategy: Strategy | None = Field(default=None, title="Strategy", description="Where the edges of bins lie.")
    n_bins: int | None = Field(
        default=None,
        ge=2,
        le=1000,
        title="Bins",
        description="Number of bins.",
        json_schema_extra={"x-visible-if": {"strategy": {"not": "custom"}}},
    )
    edges: Edges | None = Field(
        default=None,
        title="Edges",
        description="For `custom`: ascending edges.",
        json_schema_extra={"x-visible-if": {"strategy": ["custom", None]}},
    )
    custom_labels: Labels | None = Field(default=None, title="Labels", description="A text for each bin.")


class GeneralBinningConfig(NodeConfig):
    """Where the edges of bins lie, what bins are called, and what happens outside of them."""

    columns: ColumnNames | None = columns_field("all integer and float columns")
    strategy: Strategy = Field(
        default="equal_width",
        title="Strategy",
        description="Bins of one width, of about as many rows each, around the means of a k-means, or as `edges` say.",
    )
    n_bins: int = Field(
        default=5,
        ge=2,
        le=1000,
        title="Bins",
        description="Number of bins of each column.",
        json_schema_extra={"x-visible-if": {"strategy": ["equal_width", "equal_frequency", "kmeans"]}},
    )
    edges: Edges | None = Field(
        default=None, title="Edges", description="For `custom`: ascending edges.", json_schema_extra=_CUSTOM_EDGES
    )
    labels: Literal["ordinal", "range", "custom"] = Field(
        default="ordinal", title="Labels", description="What comes out: 0, 1, …, texts as `(1, 2.5]`, or own texts."
    )
    custom_labels: Labels | None = Field(
        default=None,
        title="Own labels",
        description="For `custom`: a text for each bin.",
        json_schema_extra=_CUSTOM_LABELS,
    )
    missing_label: StrictInt | StrictStr | None = Field(
        default=None,
        title="Missing",
        description="Label of missing values: a number with ordinal labels, else a text; empty: they stay missing.",
    )
    out_of_range: Literal["clip", "null"] = Field(
        default="clip",
        title="Out of range",
        description="Numbers beyond the outer edges belong to the outer bins (clip), or become missing (null).",
    )
    overrides: dict[str, ColumnBinning] = Field(
        default_factory=dict,
        max_length=1000,
        title="Exceptions",
        description="Other strategy, number of bins, edges or labels for some columns.",
    )

    def named_columns(self) -> Iterator[tuple[str, str]]:
        """Yield the columns of both fields."""
        yield from super().named_columns()
        for name in self.overrides:
            yield f"/overrides/{pointer_part(name)}", name

    def of(self, name: str | None) -> tuple[Strategy, int, list[float] | None, list[str] | None]:
        """Return strategy, number of bins, edges and labels of a column (None: of those without exception)."""
        own = self.overrides.get(name) if name is not None else None
        if own is None:
            return self.strategy, self.n_bins, self.edges, self.custom_labels
        return (
            own.strategy or self.strategy, own.n_bins or self.n_bins, own.edges or self.edges,
            own.custom_labels or self.custom_labels,
        )  # fmt: skip

    @model_validator(mode="after")
    def _fits(self) -> GeneralBinningConfig:
        if self.columns is not None and not set(self.overrides) <= set(self.columns):
            raise ValueError(
                f"overrides name columns that are not among columns: {set(self.overrides) - set(self.columns)}"
            )
        wants_number = self.labels == "ordinal"
        if self.missing_label is not None and isinstance(self.missing_label, int) is not wants_number:
            raise ValueError("missing_label must be a number with ordinal labels, a text with others")
        without = self.columns is None or not set(self.columns) <= set(self.overrides)
        for name in (*self.overrides, *([None] if without else [])):
            self._check(name)
        return self

    def _check(self, name: str | None) -> None:
        what = "all columns" if name is None else f"column {name!r}"
        strategy, n_bins, edges, labels = self.of(name)
        if strategy == "custom":
            check_edges(edges or [], what)
        if self.labels == "custom":
            count = len(edges or []) - 1 if strategy == "custom" else n_bins
            if len(labels or []) != count:
                raise ValueError(f"{what}: custom_labels must be {count}, one for each bin")


class GeneralBinningApplier(BinsApplier):
    """Replaces numbers by the labels of their bins."""


@NodeRegistry.register("GeneralBinning", GeneralBinningApplier)
class GeneralBinningCalculator(StreamingCalculator[GeneralBinningConfig]):
    """Divide numbers into bins of one width, of equal size, around means or at given edges, with labels of choice.

    A number on an edge belongs to the bin below it, the lowest edge to the first bin, as with pandas.cut(…,
    include_lowest=True) for `equal_width` and `custom`, and pandas.qcut for `equal_frequency`; `kmeans` has the edges
    of scikit-learn's KBinsDiscretizer. Edges that coincide are taken once, so there may be fewer bins; a constant
    column is one bin. Numbers beyond the outer edges belong to the outer bins, or become missing (`out_of_range`).

    >>> data = pl.DataFrame({"age": [20, 30, 40, 60, None]})
    >>> config = GeneralBinningConfig(n_bins=2, labels="range", missing_label="unknown")
    >>> params = GeneralBinningCalculator().fit(data, config)
    >>> GeneralBinningApplier().apply(data, params)["age"].to_list()
    ['[20, 40]', '[20, 40]', '[20, 40]', '(40, 60]', 'unknown']

    >>> GeneralBinningConfig(strategy="custom", edges=[3, 1])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    pydantic_core._pydantic_core.ValidationError: ...
    """

    family = "binning"
    kind = Kind.LEARNED
    keywords = ("bins", "discretize", "cut", "qcut", "interval", "buckets", "groups")
    examples = (
        {},
        {"columns": ["number", "price"], "strategy": "equal_frequency", "labels": "range", "missing_label": "none"},
        {"columns": ["number", "price"], "strategy": "kmeans", "n_bins": 3, "labels": "custom",
         "custom_labels": ["low", "mid", "high"], "out_of_range": "null"},
        {"columns": ["number", "count"], "strategy": "custom", "edges": [-5, 0.5, 3, 20], "out_of_range": "null",
         "missing_label": -1},
        {"labels": "range",
         "overrides": {"price": {"n_bins": 80}, "count": {"strategy": "custom", "edges": [0, 2, 9]}}},
        {"columns": []},
    )  # fmt: skip
    accepts = NUMERIC
    reference = "pandas.cut, pandas.qcut, sklearn.preprocessing.KBinsDiscretizer"
    tolerance = 0.0

    def learn(self, frame: pl.LazyFrame, config: GeneralBinningConfig) -> Params:
        """Learn the edges of every column. Raises DataError for infinite values, and labels that are not enough."""
        columns = _chosen(frame, config)
        learned = {name: config.of(name) for name in columns}
        wanted = {name: Wanted(_METHODS[how[0]], how[1]) for name, how in learned.items() if how[0] != "custom"}
        found = edges_of(frame, wanted)
        return bins_params([_binned(name, found.get(name), config) for name in columns], "right")

    def infer_schema(self, schema: Schema, config: GeneralBinningConfig) -> Schema:
        """Return the schema with integers or texts in the chosen columns."""
        names = set(chosen(config.columns, schema, NUMERIC)) | (set(config.overrides) & set(schema.names))
        changed = schema.change(names, dtype="integer" if config.labels == "ordinal" else "string")
        if config.out_of_range == "null":
            return changed.change(names, nullable=True)
        return changed if config.missing_label is None else changed.change(names, nullable=False)


def _chosen(frame: pl.LazyFrame, config: GeneralBinningConfig) -> list[str]:
    columns = chosen_lazy(frame, config.columns, NUMERIC)
    return [*columns, *(name for name in chosen_lazy(frame, list(config.overrides), NUMERIC) if name not in columns)]


def _binned(name: str, found: Floats | None, config: GeneralBinningConfig) -> Binned:
    strategy, _, given, custom = config.of(name)
    edges = np.array(given, np.float64) if found is None else found
    kept = wide_enough(edges) if strategy == "kmeans" else np.unique(edges)
    inner = kept[1:-1].tolist()
    bounded = config.out_of_range == "null" and len(edges) > 0
    return Binned(
        column=name,
        cuts=inner,
        labels=labels_for(name, [*edges[:1].tolist(), *inner, *edges[-1:].tolist()], config.labels, custom),
        lower=float(edges[0]) if bounded else None,
        upper=float(edges[-1]) if bounded else None,
        missing=config.missing_label,
    )
