"""What the vectorizers share: their options, and how terms become columns."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import nsmallest
from typing import Annotated, Literal, TypeAlias, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field, StrictFloat, StrictInt, model_validator

from skyulf_core.nodes.base import Applier, NodeConfig
from skyulf_core.nodes.columns import ColumnNames, chosen, columns_field, free_name
from skyulf_core.params import Params
from skyulf_core.problems import DataError
from skyulf_core.schema import TEXT, ColumnSchema, Schema
from skyulf_core.serving.ops import Op
from skyulf_core.serving.ops.text import Analyzer, Vectorize

MOST_OUTPUTS = 10_000
MOST_TERMS = 10_000_000
"""So many different terms are counted at most: about two gigabytes."""
Norm: TypeAlias = Literal["none", "l1", "l2"]
Frequency: TypeAlias = Annotated[StrictInt, Field(ge=1)] | Annotated[StrictFloat, Field(ge=0.0, le=1.0)]
Length: TypeAlias = Annotated[StrictInt, Field(ge=1, le=3)]


class WordsConfig(NodeConfig):
    """How texts are taken apart."""

    columns: ColumnNames | None = columns_field("all text columns")
    lowercase: bool = Field(default=True, title="Lower case", description="Turn capitals into small letters first.")
    stop_words: Literal["none", "english"] = Field(
        default="none", title="Stop words", description="Leave out common words; `english` is scikit-learn's list."
    )
    more_stop_words: list[str] = Field(
        default=[], max_length=10_000, title="More stop words", description="Further words to leave out."
    )

    def left_out(self) -> list[str]:
        """Return the stop words, sorted."""
        words = {word.lower() if self.lowercase else word for word in self.more_stop_words}
        if self.stop_words == "english":
            from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS  # a second of import

            words |= ENGLISH_STOP_WORDS
        return sorted(words)


class TermsConfig(WordsConfig):
    """How texts are taken apart into terms, which become columns."""

    ngram_range: tuple[Length, Length] = Field(
        default=(1, 1),
        title="Lengths of terms",
        description="Fewest and most words of a term: [1, 2] takes words and pairs of neighbouring words.",
    )
    binary: bool = Field(default=False, title="Binary", description="Count a term once, however often it occurs.")
    drop_original: bool = Field(default=True, title="Drop original", description="Leave out the texts themselves.")

    @model_validator(mode="after")
    def _shortest_first(self) -> TermsConfig:
        if self.ngram_range[0] > self.ngram_range[1]:
            raise ValueError("ngram_range must be [fewest, most]")
        return self

    def analyzer(self) -> Analyzer:
        """Return what takes a text apart."""
        return Analyzer(self.lowercase, self.ngram_range, frozenset(self.left_out()))


class VocabularyConfig(TermsConfig):
    """Which terms become columns."""

    max_features: int = Field(
        default=1_000, ge=1, le=MOST_OUTPUTS, title="Most terms", description="The most frequent ones of each column."
    )
    min_df: Frequency = Field(
        default=1, title="Least rows", description="Leave out terms of fewer rows (or of a smaller share of the rows)."
    )
    max_df: Frequency = Field(
        default=1.0, title="Most rows", description="Leave out terms of more rows (or of a larger share of the rows)."
    )


class VectorizerApplier(Applier):
    """Counts the terms of new texts."""

    def apply(self, data: pl.DataFrame, params: Params) -> pl.DataFrame:
        """Return the frame with a float column per term at its end; missing texts are zeros."""
        made: list[pl.Series] = []
        operations = list(self.operations(params))
        try:
            for op in operations:
                codes, texts = distinct_texts(data[op.column])
                made += [pl.Series(name, values) for name, values in op.spread(op.sparse(texts), codes)]
        except MemoryError as error:
            made.clear()
            raise _too_large(data.height, sum(len(op.outputs) for op in operations)) from error
        kept = data.drop(params.strings("columns")) if params.flag("drop_original") else data
        return kept.with_columns(made)

    def plan(self, params: Params) -> list[Op]:
        """Return one vectorize operation per column."""
        return list(self.operations(params))

    def operations(self, params: Params) -> Iterator[Vectorize]:
        """Yield the operation of each column."""
        shared = cast("dict[str, bool]", params["options"])
        vocabularies, idf = params.lists("vocabularies"), params.lists("idf")
        for index, column in enumerate(params.strings("columns")):
            yield Vectorize(
                column=column,
                outputs=tuple(str(name) for name in params.lists("outputs")[index]),
                vocabulary=tuple(str(term) for term in vocabularies[index]) if vocabularies else (),
                idf=tuple(cast("list[float]", idf[index])) if idf else (),
                ngram_range=cast("tuple[int, int]", tuple(int(size) for size in params.numbers("ngram_range"))),
                stop_words=tuple(params.strings("stop_words")),
                norm=params.text("norm"),
                drop_original=params.flag("drop_original"),
                **shared,
            )


def _too_large(rows: int, columns: int) -> DataError:
    message = (
        f"{rows} rows of {columns} new columns take {8e-9 * rows * columns:.1f} GB, and there is not enough memory; "
        "make fewer columns of the texts, or give fewer rows at a time"
    )
    return DataError(message, reason="out-of-memory")


def distinct_texts(series: pl.Series) -> tuple[NDArray[np.int64], list[str | None]]:
    """Return the place of each text among the different ones, and those."""
    texts = series.unique(maintain_order=True)
    codes = pl.DataFrame({"text": series}).join(
        pl.DataFrame({"text": texts}).with_row_index("code"), on="text", how="left", nulls_equal=True,
        maintain_order="left",
    )  # fmt: skip
    return codes["code"].cast(pl.Int64).to_numpy(), texts.to_list()


@dataclass(frozen=True)
class Vocabulary:
    """The terms of a column, sorted, and how many rows have each."""

    terms: list[str]
    rows: NDArray[np.int64]


def learn_vocabulary(series: pl.Series, config: VocabularyConfig, *, most_terms: int = MOST_TERMS) -> Vocabulary:
    """Return the terms that become columns. Raises DataError where no term is left, or too many must be counted."""
    least, most = _rows(config.min_df, len(series)), _rows(config.max_df, len(series))
    if len(series) and most < least:
        message = f"column {series.name!r}: max_df ({most:g} rows) is below min_df ({least:g} rows)"
        raise DataError(message, reason="impossible-frequencies", column=series.name)
    terms, total, rows = _count(series.drop_nulls().value_counts(name="rows"), config, most_terms)
    kept = np.flatnonzero((rows >= least) & (rows <= most)).tolist()
    # the alphabet decides among equals: the same terms on every machine
    kept = nsmallest(config.max_features, kept, key=lambda place: (-total[place], terms[place]))
    kept.sort(key=terms.__getitem__)
    if not kept:
        message = (
            f"column {series.name!r} has no words to learn from in the training rows that min_df, max_df and the "
            "stop words leave; name other columns"
        )
        raise DataError(message, reason="no-words", column=series.name)
    return Vocabulary([terms[place] for place in kept], np.asarray(rows[kept], np.int64))


def vocabulary_params(
    data: pl.DataFrame, columns: list[str], vocabularies: list[Vocabulary], config: VocabularyConfig
) -> dict[str, object]:
    """Return the params of learned vocabularies. Raises DataError for too many columns."""
    require_few(columns, sum(len(vocabulary.terms) for vocabulary in vocabularies))
    labels = [vocabulary.terms for vocabulary in vocabularies]
    return shared_params(data, columns, labels, config) | {"vocabularies": labels}


def shared_params(
    data: pl.DataFrame, columns: list[str], labels: list[list[str]], config: TermsConfig
) -> dict[str, object]:
    """Return the params that all vectorizers have; `labels` end the names of each column's outputs."""
    taken = set(data.columns) - (set(columns) if config.drop_original else set())
    return {
        "columns": columns,
        "outputs": [
            [free_name(f"{name}_{label}", taken) for label in found]
            for name, found in zip(columns, labels, strict=True)
        ],
        "ngram_range": list(config.ngram_range),
        "stop_words": config.left_out(),
        "drop_original": config.drop_original,
    }


def vectorized_schema(schema: Schema, config: TermsConfig) -> Schema:
    """Return the schema with a family of float columns for each text."""
    columns = chosen(config.columns, schema, TEXT)
    kept = schema.drop(columns) if config.drop_original else schema
    return kept.append(ColumnSchema(f"{name}_*", "float", nullable=False, family=True) for name in columns)


def _rows(frequency: float, height: int) -> float:
    return frequency * height if isinstance(frequency, float) else frequency


def _count(
    counted: pl.DataFrame, config: VocabularyConfig, most_terms: int
) -> tuple[list[str], NDArray[np.int64], NDArray[np.int64]]:
    """Return all terms of texts and their numbers of rows, how often each occurs, and in how many rows.

    Holds two numbers per term, not the terms of each text: learning takes no more memory for more rows.
    """
    analyzer, name = config.analyzer(), counted.columns[0]
    places: dict[str, int] = {}
    total, rows = array("q"), array("q")
    for text, weight in counted.iter_rows():
        for term, count in Counter(analyzer.terms(text)).items():
            place = places.setdefault(term, len(places))
            if place == len(rows):
                total.append(0)
                rows.append(0)
            total[place] += weight if config.binary else weight * count
            rows[place] += weight
        if len(places) > most_terms:
            message = (
                f"column {name!r} has more than {most_terms} different terms, too many to count; take shorter ones "
                "(ngram_range), leave words out, or use HashingVectorizer, which learns none"
            )
            raise DataError(message, reason="too-many-terms", column=name)
    return list(places), np.frombuffer(total, np.int64), np.frombuffer(rows, np.int64)


def require_few(columns: list[str], outputs: int) -> None:
    """Raise DataError where more columns would come out than a frame may get."""
    if outputs > MOST_OUTPUTS:
        message = (
            f"{len(columns)} columns of texts would become {outputs} columns; at most {MOST_OUTPUTS} may. "
            "Name fewer columns, or take fewer terms of each"
        )
        raise DataError(message, reason="too-many-columns", column=columns[0])
