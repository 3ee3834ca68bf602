"""CountVectorizer: how often a text has each word."""

from __future__ import annotations

import polars as pl

from skyulf_core.nodes.base import Calculator, Kind
from skyulf_core.nodes.columns import chosen_from
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.nodes.text.vectorizing import (
    VectorizerApplier,
    VocabularyConfig,
    learn_vocabulary,
    vectorized_schema,
    vocabulary_params,
)
from skyulf_core.params import Params
from skyulf_core.schema import TEXT, Schema


class CountVectorizerConfig(VocabularyConfig):
    """Which words are counted."""


class CountVectorizerApplier(VectorizerApplier):
    """Counts the words of new texts."""


@NodeRegistry.register("CountVectorizer", CountVectorizerApplier)
class CountVectorizerCalculator(Calculator[CountVectorizerConfig]):
    """Turn each word of the training texts into a column of counts.

    Columns are named `<column>_<word>`, in sorted order, at the end of the frame. A word is two or more letters, digits
    or underscores. A missing text is a text without words: zeros, and a row like any other for `min_df` and `max_df`.
    Words that training did not see count nowhere. As scikit-learn's, but of words equally frequent at the limit
    `max_features` the first in the alphabet are taken (scikit-learn: depends on the machine).

    >>> data = pl.DataFrame({"note": ["Good, good box", "late", None]})
    >>> params = CountVectorizerCalculator().fit(data, CountVectorizerConfig())
    >>> CountVectorizerApplier().apply(pl.DataFrame({"note": ["A good new box"]}), params).to_dict(as_series=False)
    {'note_box': [1.0], 'note_good': [1.0], 'note_late': [0.0]}

    >>> CountVectorizerCalculator().fit(pl.DataFrame({"note": ["a", "b"]}), CountVectorizerConfig())
    Traceback (most recent call last):
    skyulf_core.problems.DataError: column 'note' has no words to learn from in the training rows that min_df, max_df \
and the stop words leave; name other columns
    """

    family = "text"
    kind = Kind.LEARNED
    keywords = ("text", "words", "bag of words", "count", "n-gram", "vocabulary")
    examples = (
        {"columns": ["note"]},
        {"columns": ["note", "plan"], "ngram_range": [1, 2], "stop_words": "english", "max_features": 7},
        {"columns": ["note"], "binary": True, "lowercase": False, "min_df": 2, "max_df": 0.9, "drop_original": False},
        {"columns": ["note"], "ngram_range": [2, 3], "more_stop_words": ["Box"], "min_df": 0.02},
        {"columns": []},
    )
    accepts = TEXT
    reference = "sklearn.feature_extraction.text.CountVectorizer"
    tolerance = 0.0

    def fit(self, data: pl.DataFrame, config: CountVectorizerConfig) -> Params:
        """Learn the words of each column."""
        columns = chosen_from(data, config.columns, TEXT)
        vocabularies = [learn_vocabulary(data[name], config) for name in columns]
        return Params(
            vocabulary_params(data, columns, vocabularies, config),
            idf=[],
            norm="none",
            options={"lowercase": config.lowercase, "binary": config.binary},
        )

    def infer_schema(self, schema: Schema, config: CountVectorizerConfig) -> Schema:
        """Return the schema with a family of float columns for each text."""
        return vectorized_schema(schema, config)
