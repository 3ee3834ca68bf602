"""TextSimilarity: how alike two texts are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, cast

import numpy as np
import polars as pl
from pydantic import Field

from skyulf_core.data.frames import require_columns
from skyulf_core.nodes.base import Kind, LazyApplier, NodeConfig, StreamingCalculator
from skyulf_core.nodes.columns import ColumnNames, free_name
from skyulf_core.nodes.extras import extra_needed, extra_problems
from skyulf_core.nodes.features.computing import OutputName
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.problems import Problem
from skyulf_core.schema import TEXT, ColumnSchema, Schema
from skyulf_core.serving.ops import Op
from skyulf_core.serving.ops import TextSimilarity as TextSimilarityOp
from skyulf_core.serving.ops.extras import need
from skyulf_core.serving.ops.similarity import scorer


class TextSimilarityConfig(NodeConfig):
    """Which texts to compare, and how."""

    columns: ColumnNames = Field(
        min_length=2,
        max_length=2,
        title="Columns",
        description="The two text columns.",
        json_schema_extra={"x-widget": "columns"},
    )
    method: Literal["ratio", "token_sort", "token_set"] = Field(
        default="ratio",
        title="Method",
        description="ratio: letter by letter; token_sort: words in any order; token_set: words in any order, and words "
        "that only one side has count little.",
    )
    output: OutputName | None = Field(
        default=None, title="Output", description="Name of the new column. Left out: `<a>_<b>_similarity`."
    )

    def name(self, taken: set[str]) -> str:
        """Return a free name for the new column."""
        return free_name(self.output or f"{'_'.join(self.columns)}_similarity", taken)


class TextSimilarityApplier(LazyApplier):
    """Compares."""

    def transform(self, frame: pl.LazyFrame, params: Params) -> pl.LazyFrame:
        """Return the query with the similarity at its end. Raises DataError where rapidfuzz is not installed."""
        with extra_needed():
            score = scorer(params.text("method"))

        def compare(texts: Sequence[pl.Series]) -> pl.Series:
            return _compared(texts[0], texts[1], score)

        similar = pl.map_batches(params.strings("columns"), compare, return_dtype=pl.Float64, is_elementwise=True)
        return frame.with_columns(similar.alias(params.text("output")))

    def plan(self, params: Params) -> list[Op]:
        """Return one text_similarity operation."""
        left, right = params.strings("columns")
        method = cast("Literal['ratio', 'token_sort', 'token_set']", params.text("method"))
        return [TextSimilarityOp((left, right), params.text("output"), method)]


def _compared(left: pl.Series, right: pl.Series, score: Any) -> pl.Series:
    known = (left.is_not_null() & right.is_not_null()).to_numpy()
    found = np.full(len(known), np.nan)
    pairwise = need("rapidfuzz.process", extra="text").cpdist
    found[known] = pairwise(left.filter(known).to_list(), right.filter(known).to_list(), scorer=score, dtype=np.float64)
    return pl.Series(found / 100.0, nan_to_null=True)


@NodeRegistry.register("TextSimilarity", TextSimilarityApplier)
class TextSimilarityCalculator(StreamingCalculator[TextSimilarityConfig]):
    """Compare the texts of two columns: 1 where they are the same, 0 where they share nothing.

    Needs the extra `text` (rapidfuzz, whose scores from 0 to 100 are divided by 100). Letters are compared as they
    are: TextCleaning brings them to one case first. A missing text gives a missing similarity.

    >>> data = pl.DataFrame({"name": ["Ada Lovelace", None], "signed": ["Lovelace Ada", "x"]})
    >>> node, config = TextSimilarityCalculator(), TextSimilarityConfig(columns=["name", "signed"], method="token_sort")
    >>> TextSimilarityApplier().apply(data, node.fit(data, config))["name_signed_similarity"].to_list()
    [1.0, None]

    >>> TextSimilarityConfig(columns=["name"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    pydantic_core._pydantic_core.ValidationError: ...
    """

    family = "features"
    kind = Kind.STATELESS
    keywords = ("text", "similarity", "fuzzy", "levenshtein", "compare", "match")
    examples = (
        {"columns": ["city", "plan"]},
        {"columns": ["note", "city"], "method": "token_sort", "output": "alike"},
        {"columns": ["note", "plan"], "method": "token_set"},
    )
    accepts = TEXT
    extra = "text"
    reference = "rapidfuzz.fuzz.ratio, token_sort_ratio, token_set_ratio"
    tolerance = 0

    def check(self, schema: Schema, config: TextSimilarityConfig) -> list[Problem]:
        """Say where the package is missing."""
        return extra_problems("rapidfuzz", extra="text")

    def learn(self, frame: pl.LazyFrame, config: TextSimilarityConfig) -> Params:
        """Keep the columns; no row is read."""
        with extra_needed():
            scorer(config.method)
        schema = frame.collect_schema()
        require_columns(pl.DataFrame(schema=schema), config.columns)
        return Params(columns=config.columns, output=config.name(set(schema)), method=config.method)

    def infer_schema(self, schema: Schema, config: TextSimilarityConfig) -> Schema:
        """Return the schema with the similarity at its end."""
        return schema.append([ColumnSchema(config.name(set(schema.names)), "float")])
