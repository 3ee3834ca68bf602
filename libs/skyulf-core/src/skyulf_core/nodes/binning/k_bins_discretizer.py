"""KBinsDiscretizer: numbers into k bins, as scikit-learn makes them."""

from __future__ import annotations

from typing import Literal, cast

import numpy as np
import polars as pl
from pydantic import Field

from skyulf_core.nodes.base import Kind, NodeConfig, StreamingCalculator
from skyulf_core.nodes.binning.applying import Binned, BinsApplier, Closed, bin_of, binned_of, bins_params
from skyulf_core.nodes.binning.edges import Method, Wanted, edges_of, wide_enough
from skyulf_core.nodes.columns import ColumnNames, chosen, chosen_lazy, columns_field, free_name
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params, Scalar
from skyulf_core.schema import NUMERIC, ColumnSchema, Schema
from skyulf_core.serving.ops import OneHot, Op


class KBinsDiscretizerConfig(NodeConfig):
    """How many bins, where their edges lie, and what comes out."""

    columns: ColumnNames | None = columns_field("all integer and float columns")
    n_bins: int = Field(default=5, ge=2, le=1000, title="Bins", description="Number of bins of each column.")
    strategy: Literal["uniform", "quantile", "kmeans"] = Field(
        default="quantile",
        title="Strategy",
        description="Bins of one width, of about as many rows each, or around the means of a k-means.",
    )
    quantile_method: Literal["averaged_inverted_cdf", "linear"] = Field(
        default="averaged_inverted_cdf",
        title="Quantiles",
        description="How a quantile between two values is taken: their mean where it falls on a step, or interpolated.",
        json_schema_extra={"x-visible-if": {"strategy": "quantile"}},
    )
    encode: Literal["ordinal", "onehot"] = Field(
        default="ordinal", title="Encoding", description="The bin's number in place, or a column for each bin."
    )

    def method(self) -> Method:
        """Return how edges are found."""
        others: dict[str, Method] = {"uniform": "width", "kmeans": "kmeans"}
        return others.get(self.strategy, self.quantile_method)


class KBinsDiscretizerApplier(BinsApplier):
    """Replaces numbers by the number of their bin, or by a column for each bin."""

    def transform(self, frame: pl.LazyFrame, params: Params) -> pl.LazyFrame:
        """Return the query of the bins."""
        if not params.flag("onehot"):
            return super().transform(frame, params)
        binned, outputs, closed = binned_of(params), params.lists("outputs"), cast("Closed", params.text("closed"))
        taken = {*frame.collect_schema().names(), *(str(name) for names in outputs for name in names)}
        codes = [free_name(f"{one.column} bin", taken) for one in binned]
        frame = frame.with_columns(
            bin_of(pl.col(one.column).cast(pl.Float64), one.cuts, closed).alias(code)
            for one, code in zip(binned, codes, strict=True)
        )
        frame = frame.with_columns(
            ((pl.col(code) == index) & pl.col(one.column).is_not_null()).alias(str(name))
            for one, code, names in zip(binned, codes, outputs, strict=True)
            for index, name in enumerate(names)
        )
        return frame.drop(*codes, *(one.column for one in binned))

    def plan(self, params: Params) -> list[Op]:
        """Return one bins operation, and one_hot operations where bins become columns."""
        ops: list[Op] = super().plan(params)
        for one, names in zip(binned_of(params), params.lists("outputs"), strict=True) if params.flag("onehot") else ():
            ops.append(OneHot(one.column, tuple(one.labels), tuple(str(name) for name in names)))
        return ops


@NodeRegistry.register("KBinsDiscretizer", KBinsDiscretizerApplier)
class KBinsDiscretizerCalculator(StreamingCalculator[KBinsDiscretizerConfig]):
    """Divide numbers into k bins of one width, of equal size or around means, as scikit-learn does.

    A number on an edge belongs to the bin above it; numbers beyond the outer edges belong to the outer bins. Bins not
    wider than 1e-8 are dropped, so there may be fewer (not with `uniform`); a constant column is one bin. Missing
    values, which scikit-learn refuses, are left out in learning and stay missing (with `onehot`: false in every
    column). All rows are learned from, where scikit-learn draws 200,000 of more.

    >>> data = pl.DataFrame({"fare": [1.0, 2.0, 3.0, 40.0, None]})
    >>> params = KBinsDiscretizerCalculator().fit(data, KBinsDiscretizerConfig(n_bins=2))
    >>> KBinsDiscretizerApplier().apply(data, params)["fare"].to_list()
    [0, 0, 1, 1, None]

    >>> KBinsDiscretizerCalculator().fit(pl.DataFrame({"fare": [1.0, float("inf")]}), KBinsDiscretizerConfig())
    Traceback (most recent call last):
    skyulf_core.problems.DataError: column 'fare' holds infinite values
    """

    family = "binning"
    kind = Kind.LEARNED
    keywords = ("bins", "discretize", "quantile", "interval", "kmeans", "buckets")
    examples = (
        {},
        {"columns": ["number", "price"], "n_bins": 3, "strategy": "uniform"},
        {"columns": ["number", "count", "price"], "n_bins": 4, "strategy": "kmeans"},
        {"columns": ["number", "same", "count"], "encode": "onehot", "quantile_method": "linear"},
        {"columns": ["price"], "n_bins": 70, "strategy": "uniform", "encode": "onehot"},
        {"columns": []},
    )
    accepts = NUMERIC
    reference = "sklearn.preprocessing.KBinsDiscretizer"
    tolerance = 0.0

    def learn(self, frame: pl.LazyFrame, config: KBinsDiscretizerConfig) -> Params:
        """Learn the edges of every column. Raises DataError for infinite values."""
        columns = chosen_lazy(frame, config.columns, NUMERIC)
        found = edges_of(frame, {name: Wanted(config.method(), config.n_bins) for name in columns})
        binned = []
        for name, edges in found.items():
            cuts = (np.unique(edges) if config.strategy == "uniform" else wide_enough(edges))[1:-1].tolist()
            labels: list[Scalar] = list(range(len(cuts) + 1))
            binned.append(Binned(name, cuts, labels))
        taken = set(frame.collect_schema().names())
        onehot = config.encode == "onehot"
        outputs = [[free_name(f"{one.column}_{i}", taken) for i in range(len(one.labels))] for one in binned]
        return Params(bins_params(binned, "left"), onehot=onehot, outputs=outputs if onehot else [])

    def infer_schema(self, schema: Schema, config: KBinsDiscretizerConfig) -> Schema:
        """Return the schema with integers in the chosen columns, or with families of booleans at its end."""
        columns = chosen(config.columns, schema, NUMERIC)
        if config.encode == "ordinal":
            return schema.change(columns, dtype="integer")
        return schema.drop(columns).append(
            ColumnSchema(f"{name}_*", "boolean", nullable=False, family=True) for name in columns
        )
