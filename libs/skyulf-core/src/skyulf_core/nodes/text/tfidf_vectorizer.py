"""TfidfVectorizer: how often a text has each word, weighted by how rare the word is."""

from __future__ import annotations

import math

import polars as pl
from pydantic import Field

from skyulf_core.nodes.base import Calculator, Kind
from skyulf_core.nodes.columns import chosen_from
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.nodes.text.vectorizing import (
    Norm,
    VectorizerApplier,
    Vocabulary,
    VocabularyConfig,
    learn_vocabulary,
    vectorized_schema,
    vocabulary_params,
)
from skyulf_core.params import Params
from skyulf_core.schema import TEXT, Schema


class TfidfVectorizerConfig(VocabularyConfig):
    """Which words are counted, and how they are weighted."""

    norm: Norm = Field(
        default="l2", title="Norm", description="What each row is divided by, so that long texts count as short ones."
    )
    use_idf: bool = Field(default=True, title="Use idf", description="Weigh words of few rows higher.")
    smooth_idf: bool = Field(
        default=True,
        title="Smooth idf",
        description="Count one more row that has every word.",
        json_schema_extra={"x-visible-if": {"use_idf": True}},
    )
    sublinear_tf: bool = Field(
        default=False, title="Logarithm of counts", description="Take 1 + log(count) for the count."
    )


class TfidfVectorizerApplier(VectorizerApplier):
    """Weighs the words of new texts."""


@NodeRegistry.register("TfidfVectorizer", TfidfVectorizerApplier)
class TfidfVectorizerCalculator(Calculator[TfidfVectorizerConfig]):
    """Turn each word of the training texts into a column of its weight: often in this text, rare in others.

    The weight is count times idf, `log((1 + rows) / (1 + rows with the word)) + 1` (without `smooth_idf` the ones
    inside are left out), divided by the norm of the row. Names, words, missing texts and the choice of equally frequent
    words are as in CountVectorizer; otherwise as scikit-learn's.

    >>> data = pl.DataFrame({"note": ["good box", "late box", "box"]})
    >>> params = TfidfVectorizerCalculator().fit(data, TfidfVectorizerConfig(norm="none"))
    >>> made = TfidfVectorizerApplier().apply(pl.DataFrame({"note": ["late late box", None]}), params)
    >>> {name: [round(value, 3) for value in made[name]] for name in made.columns}
    {'note_box': [1.0, 0.0], 'note_good': [0.0, 0.0], 'note_late': [3.386, 0.0]}

    >>> TfidfVectorizerCalculator().fit(data, TfidfVectorizerConfig(min_df=3, max_df=2))
    Traceback (most recent call last):
    skyulf_core.problems.DataError: column 'note': max_df (2 rows) is below min_df (3 rows)
    """

    family = "text"
    kind = Kind.LEARNED
    keywords = ("text", "words", "tf-idf", "tfidf", "inverse document frequency", "n-gram", "vocabulary")
    examples = (
        {"columns": ["note"]},
        {"columns": ["note", "plan"], "ngram_range": [1, 3], "stop_words": "english", "max_features": 20, "norm": "l1"},
        {"columns": ["note"], "sublinear_tf": True, "smooth_idf": False, "norm": "none", "drop_original": False},
        {"columns": ["note"], "use_idf": False, "binary": True, "min_df": 0.02, "max_df": 0.9},
        {"columns": []},
    )
    accepts = TEXT
    reference = "sklearn.feature_extraction.text.TfidfVectorizer"

    def fit(self, data: pl.DataFrame, config: TfidfVectorizerConfig) -> Params:
        """Learn the words of each column and how rare they are."""
        columns = chosen_from(data, config.columns, TEXT)
        vocabularies = [learn_vocabulary(data[name], config) for name in columns]
        smooth = config.smooth_idf
        return Params(
            vocabulary_params(data, columns, vocabularies, config),
            idf=[_idf(found, data.height, smooth=smooth) for found in vocabularies] if config.use_idf else [],
            norm=config.norm,
            options={"lowercase": config.lowercase, "binary": config.binary, "sublinear_tf": config.sublinear_tf},
        )

    def infer_schema(self, schema: Schema, config: TfidfVectorizerConfig) -> Schema:
        """Return the schema with a family of float columns for each text."""
        return vectorized_schema(schema, config)


def _idf(vocabulary: Vocabulary, height: int, *, smooth: bool) -> list[float]:
    more = 1 if smooth else 0
    return [math.log((height + more) / (rows + more)) + 1.0 for rows in vocabulary.rows.tolist()]
