"""Tokenizer: texts brought to their words."""

from __future__ import annotations

import polars as pl
from pydantic import Field

from skyulf_core.nodes.base import Applier, Calculator, Kind
from skyulf_core.nodes.columns import chosen, chosen_from, free_name
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.nodes.text.vectorizing import WordsConfig, distinct_texts
from skyulf_core.params import Params
from skyulf_core.schema import TEXT, ColumnSchema, Schema
from skyulf_core.serving.ops import Op, Tokenize


class TokenizerConfig(WordsConfig):
    """Which words stay."""

    min_length: int = Field(default=2, ge=2, le=100, title="Least length", description="Leave out shorter words.")
    count_tokens: bool = Field(
        default=False, title="Count words", description="Write the number of words that stay to `<column>_tokens`."
    )


class TokenizerApplier(Applier):
    """Brings new texts to their words."""

    def apply(self, data: pl.DataFrame, params: Params) -> pl.DataFrame:
        """Return the frame with texts of words; counts are whole numbers at its end."""
        made: list[pl.Series] = []
        for op in _operations(params):
            codes, texts = distinct_texts(data[op.column])
            tokens = op.tokenizer()
            found = [None if text is None else tokens(text) for text in texts]
            joined = [None if words is None else " ".join(words) for words in found]
            made.append(pl.Series(op.column, joined, dtype=pl.String).gather(codes))
            if op.count_output is not None:
                made.append(pl.Series(op.count_output, [len(w or ()) for w in found], dtype=pl.Int64).gather(codes))
        return data.with_columns(made)

    def plan(self, params: Params) -> list[Op]:
        """Return one tokenize operation per column."""
        return list(_operations(params))


def _operations(params: Params) -> list[Tokenize]:
    stop_words, lowercase = tuple(params.strings("stop_words")), params.flag("lowercase")
    least = int(params.numbers("min_length")[0])
    outputs = params.scalars("count_outputs") or [None] * len(params.strings("columns"))
    return [
        Tokenize(name, None if out is None else str(out), lowercase, stop_words, least)
        for name, out in zip(params.strings("columns"), outputs, strict=True)
    ]


@NodeRegistry.register("Tokenizer", TokenizerApplier)
class TokenizerCalculator(Calculator[TokenizerConfig]):
    """Bring texts to their words, joined by one space, without punctuation and stop words.

    A word is two or more letters, digits or underscores, as scikit-learn's vectorizers take it by default. A text
    without words becomes an empty text; a missing one stays missing, and its number of words is 0.

    >>> data = pl.DataFrame({"note": ["The box -- it's late!", None]})
    >>> config = TokenizerConfig(stop_words="english", count_tokens=True)
    >>> TokenizerApplier().apply(data, TokenizerCalculator().fit(data, config)).to_dict(as_series=False)
    {'note': ['box late', None], 'note_tokens': [2, 0]}

    >>> TokenizerCalculator().fit(data, TokenizerConfig(columns=["text"]))
    Traceback (most recent call last):
    skyulf_core.problems.DataError: missing columns: 'text'; the columns are: 'note'
    """

    family = "text"
    kind = Kind.STATELESS
    keywords = ("text", "words", "tokens", "stop words", "clean", "word count")
    examples = (
        {},
        {"columns": ["note"], "stop_words": "english", "count_tokens": True, "min_length": 4},
        {"columns": ["note", "city"], "lowercase": False, "more_stop_words": ["Slow", "box"], "count_tokens": True},
        {"columns": []},
    )
    accepts = TEXT
    reference = "sklearn.feature_extraction.text.CountVectorizer().build_analyzer()"
    tolerance = 0.0

    def fit(self, data: pl.DataFrame, config: TokenizerConfig) -> Params:
        """Keep the columns, the stop words and the names of the counts."""
        columns = chosen_from(data, config.columns, TEXT)
        taken = set(data.columns)
        return Params(
            columns=columns,
            count_outputs=[free_name(f"{name}_tokens", taken) for name in columns] if config.count_tokens else [],
            lowercase=config.lowercase,
            stop_words=config.left_out(),
            min_length=[config.min_length],
        )

    def infer_schema(self, schema: Schema, config: TokenizerConfig) -> Schema:
        """Return the schema, with the counts at its end."""
        taken = set(schema.names)
        columns = chosen(config.columns, schema, TEXT)
        return schema.change(columns, dtype="string").append(
            ColumnSchema(free_name(f"{name}_tokens", taken), "integer", nullable=False)
            for name in (columns if config.count_tokens else [])
        )
