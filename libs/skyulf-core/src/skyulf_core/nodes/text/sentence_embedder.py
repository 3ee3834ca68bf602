"""SentenceEmbedder: texts as the mean of their words' vectors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from skyulf_core.nodes.base import Applier, Calculator, Kind, NodeConfig
from skyulf_core.nodes.columns import ColumnNames, chosen, chosen_from, columns_field, free_name
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.nodes.text.vectorizing import distinct_texts, require_few
from skyulf_core.nodes.text.vectors import read_vectors
from skyulf_core.params import Params
from skyulf_core.schema import TEXT, ColumnSchema, Schema
from skyulf_core.serving.ops import Embed, Op

_EXAMPLE = str(Path(__file__).with_name("example_vectors.txt"))


class SentenceEmbedderConfig(NodeConfig):
    """Which vectors stand for words."""

    columns: ColumnNames | None = columns_field("all text columns")
    path: str = Field(
        min_length=1,
        title="Word vectors",
        description="Folder with `embeddings.npy` and `vocabulary.txt`, or text file of GloVe or word2vec, on the "
        "machine that trains.",
    )
    max_words: int = Field(
        default=50_000,
        ge=1,
        le=200_000,
        title="Most words",
        description="The first words of the file are kept; such files hold the most frequent words first.",
    )
    lowercase: bool = Field(default=True, title="Lower case", description="Look words up in small letters.")
    normalize: bool = Field(
        default=False,
        title="Normalize",
        description="Bring each vector to length 1, so that only its direction counts.",
    )
    drop_original: bool = Field(default=True, title="Drop original", description="Leave out the texts themselves.")

    def named_files(self) -> Iterator[tuple[str, str]]:
        """Yield where the vectors are."""
        yield "/path", self.path


class SentenceEmbedderApplier(Applier):
    """Means of the vectors of new texts' words."""

    def apply(self, data: pl.DataFrame, params: Params) -> pl.DataFrame:
        """Return the frame with float columns at its end; texts without known words are zeros."""
        made: list[pl.Series] = []
        for op in _operations(params):
            codes, texts = distinct_texts(data[op.column])
            made += [pl.Series(name, values) for name, values in op.spread(texts, codes).items()]
        kept = data.drop(params.strings("columns")) if params.flag("drop_original") else data
        return kept.with_columns(made)

    def plan(self, params: Params) -> list[Op]:
        """Return one embed operation per column; they share the vectors."""
        return list(_operations(params))


def _operations(params: Params) -> list[Embed]:
    vocabulary = tuple(params.strings("vocabulary"))
    return [
        Embed(
            column=column,
            outputs=tuple(str(name) for name in outputs),
            vocabulary=vocabulary,
            vectors=cast("NDArray[np.floating]", params.array("vectors")),
            lowercase=params.flag("lowercase"),
            norm=params.flag("normalize"),
            drop_original=params.flag("drop_original"),
        )
        for column, outputs in zip(params.strings("columns"), params.lists("outputs"), strict=True)
    ]


@NodeRegistry.register("SentenceEmbedder", SentenceEmbedderApplier)
class SentenceEmbedderCalculator(Calculator[SentenceEmbedderConfig]):
    """Turn texts into the mean of their words' vectors, which are read from a local folder or file.

    Static word vectors only (GloVe, word2vec, fastText in text form, or an array with its words: the formats are in
    `skyulf_core.nodes.text.vectors`). Transformer models are not run: no context changes what a word means here, and
    nothing is ever downloaded. The vectors are copied into what is learned, so that serving needs neither path nor
    library; `max_words` and 20,000,000 numbers bound them.

    Columns are named `<column>_<number>`, from 0, at the end of the frame; as many as a vector has numbers. Words are
    two or more letters, digits or underscores; unknown ones are left out. A text without known words is
    zeros, and so is a missing one.

    >>> data = pl.DataFrame({"note": ["Great price!", None]})
    >>> node = SentenceEmbedderCalculator()
    >>> params = node.fit(data, SentenceEmbedderConfig(path=_EXAMPLE))  # great 1 -0.125 …, price 0.5 0.5 …
    >>> SentenceEmbedderApplier().apply(data, params).select("note_0", "note_1").rows()
    [(0.75, 0.1875), (0.0, 0.0)]

    >>> node.fit(data, SentenceEmbedderConfig(path="no/such/folder"))
    Traceback (most recent call last):
    skyulf_core.problems.DataError: word vectors 'no/such/folder' cannot be used: there is no such folder or file on \
this machine
    """

    family = "text"
    kind = Kind.STATELESS
    keywords = ("text", "embedding", "word vectors", "glove", "word2vec", "sentence", "semantic")
    examples = (
        {"columns": ["note"], "path": _EXAMPLE},
        {"columns": ["note", "plan"], "path": _EXAMPLE, "normalize": True, "lowercase": False, "drop_original": False},
        {"columns": ["note"], "path": _EXAMPLE, "max_words": 3},
        {"columns": [], "path": _EXAMPLE},
    )
    accepts = TEXT
    reference = "the mean of the rows that numpy takes from the table"

    def fit(self, data: pl.DataFrame, config: SentenceEmbedderConfig) -> Params:
        """Read the vectors. Raises DataError where they cannot be used."""
        columns = chosen_from(data, config.columns, TEXT)
        words, vectors = read_vectors(config.path, config.max_words)
        size = vectors.shape[1]
        require_few(columns, len(columns) * size)
        taken = set(data.columns) - (set(columns) if config.drop_original else set())
        return Params(
            columns=columns,
            outputs=[[free_name(f"{name}_{number}", taken) for number in range(size)] for name in columns],
            vocabulary=words,
            vectors=vectors,
            lowercase=config.lowercase,
            normalize=config.normalize,
            drop_original=config.drop_original,
        )

    def infer_schema(self, schema: Schema, config: SentenceEmbedderConfig) -> Schema:
        """Return the schema with a family of float columns for each text."""
        columns = chosen(config.columns, schema, TEXT)
        kept = schema.drop(columns) if config.drop_original else schema
        return kept.append(ColumnSchema(f"{name}_*", "float", nullable=False, family=True) for name in columns)
