"""The embed operation: the mean of the vectors of a text's words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from skyulf_core.serving.ops.base import Columns, Op, Origins, Row, RowFunction, operation, same_length, source_needed
from skyulf_core.serving.ops.text import Analyzer, distinct

_CELLS = 4_000_000  # of vectors taken together


@operation
@dataclass(frozen=True)
class Embed(Op):
    """Write the mean of the vectors of a text's words, divided by its length with `norm`.

    `vectors[i]` belongs to `vocabulary[i]`, `outputs[j]` to its number `j` (null: no column). Words that are not listed
    count nothing; a null, and a text without listed words, is all zeros.
    """

    op: ClassVar[str] = "embed"
    column: str
    outputs: tuple[str | None, ...]
    vocabulary: tuple[str, ...]
    vectors: NDArray[np.floating]
    lowercase: bool = True
    norm: bool = False
    drop_original: bool = True

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or self.vectors.dtype.kind != "f":
            raise ValueError("embed: vectors are a table of floats")
        same_length("embed", vocabulary=self.vocabulary, vectors=self.vectors)
        if self.vectors.shape[1] != len(self.outputs):
            raise ValueError("embed: as many outputs as a vector has numbers")

    def places(self) -> Callable[[str], list[int]]:
        """Return the function from a text to the places of its words."""
        words = Analyzer(self.lowercase).words
        index = {word: place for place, word in enumerate(self.vocabulary)}
        return lambda text: [index[word] for word in words(text) if word in index]

    def means(self, texts: Sequence[str | None]) -> NDArray[np.float64]:
        """Return a row of numbers for each text."""
        find = self.places()
        return self.mean_of([find(text) if text is not None else [] for text in texts])

    def mean_of(self, found: Sequence[list[int]]) -> NDArray[np.float64]:
        """Return the mean vectors of words at these places: added in their order, in float64."""
        sizes = np.array([len(places) for places in found], np.int64)
        sums = np.zeros((len(found), len(self.outputs)))
        longest = int(sizes.max(initial=0)) * len(self.outputs)
        chunk = max(1, _CELLS // max(longest, 1))
        for begin in range(0, len(found), chunk):
            self._add(sums[begin : begin + chunk], found[begin : begin + chunk])
        sums /= np.maximum(sizes, 1)[:, None]
        if self.norm:
            lengths = np.sqrt((sums * sums).sum(axis=1))
            sums /= np.where(lengths > 0.0, lengths, 1.0)[:, None]
        return sums

    def _add(self, sums: NDArray[np.float64], found: Sequence[list[int]]) -> None:
        some = [row for row, places in enumerate(found) if places]
        if some:
            sizes = [len(found[row]) for row in some]
            vectors = self.vectors[[place for row in some for place in found[row]]].astype(np.float64)
            sums[some] = np.add.reduceat(vectors, np.cumsum([0, *sizes[:-1]]), axis=0)

    def row_function(self) -> RowFunction:
        """Embed one row's text."""
        column, drop, find = self.column, self.drop_original, self.places()
        outputs = [(name, number) for number, name in enumerate(self.outputs) if name is not None]

        def run(values: Row) -> None:
            text = values.pop(column) if drop else values[column]
            mean = self.mean_of([find(text) if isinstance(text, str) else []])[0].tolist()
            for name, number in outputs:
                values[name] = mean[number]

        return run

    def batch(self, columns: Columns) -> None:
        """Embed a column: each different text once."""
        values = columns.pop(self.column) if self.drop_original else columns[self.column]
        codes, texts = distinct(values)
        columns.update(self.spread(texts, codes))

    def spread(self, texts: Sequence[str | None], codes: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
        """Return the columns of rows whose texts are `codes` of these."""
        means = self.means(texts)
        return {name: means[codes, number] for number, name in enumerate(self.outputs) if name is not None}

    def makes(self) -> frozenset[str]:
        """Make the outputs."""
        return frozenset(name for name in self.outputs if name is not None)

    def restrict(self, after: frozenset[str]) -> Op | None:
        """Leave out columns that are not needed; the norm needs the numbers of all."""
        kept = tuple(name if name in after else None for name in self.outputs)
        return replace(self, outputs=kept) if any(kept) else None

    def needed(self, after: frozenset[str]) -> frozenset[str]:
        """Need the column."""
        return source_needed(after - self.makes(), self.column, dropped=self.drop_original)

    def trace(self, origins: Origins) -> frozenset[str]:
        """No output is ever null."""
        origins.update(dict.fromkeys(self.makes(), frozenset()))
        return frozenset()
