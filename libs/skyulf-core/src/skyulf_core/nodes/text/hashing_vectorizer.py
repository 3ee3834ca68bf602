"""HashingVectorizer: how often a text has words, in a fixed number of columns."""

from __future__ import annotations

import polars as pl
from pydantic import Field

from skyulf_core.nodes.base import Calculator, Kind
from skyulf_core.nodes.columns import chosen, chosen_from, free_name
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.nodes.text.vectorizing import Norm, TermsConfig, VectorizerApplier, require_few, shared_params
from skyulf_core.params import Params
from skyulf_core.schema import TEXT, ColumnSchema, Schema


class HashingVectorizerConfig(TermsConfig):
    """How words are spread over columns."""

    n_features: int = Field(
        default=256, ge=1, le=8_192, title="Columns", description="Columns per text; words share them by their hash."
    )
    alternate_sign: bool = Field(
        default=True,
        title="Alternate sign",
        description="Let half of the words count negative, so that words in one column cancel out on average.",
    )
    norm: Norm = Field(
        default="l2", title="Norm", description="What each row is divided by, so that long texts count as short ones."
    )


class HashingVectorizerApplier(VectorizerApplier):
    """Hashes the words of texts."""


@NodeRegistry.register("HashingVectorizer", HashingVectorizerApplier)
class HashingVectorizerCalculator(Calculator[HashingVectorizerConfig]):
    """Spread the words of texts over a fixed number of columns by their hash, with no vocabulary to learn.

    Columns are named `<column>_<number>`, from 0, at the end of the frame. The hash is MurmurHash3 (32 bit, signed) of
    the word in UTF-8, the column its absolute value modulo `n_features`: as scikit-learn's. A missing text is a text
    without words: zeros.

    >>> data = pl.DataFrame({"note": ["late box late", None]})
    >>> config = HashingVectorizerConfig(n_features=3, norm="none")
    >>> params = HashingVectorizerCalculator().fit(data, config)
    >>> HashingVectorizerApplier().apply(data, params).to_dict(as_series=False)
    {'note_0': [0.0, 0.0], 'note_1': [2.0, 0.0], 'note_2': [1.0, 0.0]}

    >>> HashingVectorizerCalculator().fit(data, HashingVectorizerConfig(columns=["text"]))
    Traceback (most recent call last):
    skyulf_core.problems.DataError: missing columns: 'text'; the columns are: 'note'
    """

    family = "text"
    kind = Kind.STATELESS
    keywords = ("text", "words", "hash", "hashing trick", "n-gram", "stateless")
    examples = (
        {"columns": ["note"]},
        {"columns": ["note", "city"], "n_features": 8, "alternate_sign": False, "norm": "l1", "ngram_range": [1, 2]},
        {"columns": ["note"], "n_features": 5, "binary": True, "norm": "none", "drop_original": False},
        {"columns": ["note"], "n_features": 16, "stop_words": "english", "lowercase": False},
        {"columns": []},
    )
    accepts = TEXT
    reference = "sklearn.feature_extraction.text.HashingVectorizer"

    def fit(self, data: pl.DataFrame, config: HashingVectorizerConfig) -> Params:
        """Keep the columns and the names that come out."""
        columns = chosen_from(data, config.columns, TEXT)
        require_few(columns, len(columns) * config.n_features)
        labels = [[f"{number}" for number in range(config.n_features)]] * len(columns)
        return Params(
            shared_params(data, columns, labels, config),
            vocabularies=[],
            idf=[],
            norm=config.norm,
            options={"lowercase": config.lowercase, "binary": config.binary, "alternate_sign": config.alternate_sign},
        )

    def infer_schema(self, schema: Schema, config: HashingVectorizerConfig) -> Schema:
        """Return the schema with the float columns at its end."""
        columns = chosen(config.columns, schema, TEXT)
        kept = schema.drop(columns) if config.drop_original else schema
        taken = set(kept.names)
        return kept.append(
            ColumnSchema(free_name(f"{name}_{number}", taken), "float", nullable=False)
            for name in columns
            for number in range(config.n_features)
        )
