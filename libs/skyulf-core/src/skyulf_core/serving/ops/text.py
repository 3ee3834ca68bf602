"""Operations on texts: vectorize, tokenize. A word is two or more word characters, as scikit-learn takes it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, ClassVar, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from skyulf_core.serving.ops.base import (
    Columns,
    Op,
    Origins,
    Row,
    RowFunction,
    operation,
    plain,
    same_length,
    source_needed,
)
from skyulf_core.serving.ops.hashing import place_of

_WORD = re.compile(r"\b\w\w+\b")  # one way to match at each place: the time is linear in the text
_REMEMBERED = 65_536
NORMS = ("none", "l1", "l2")

Weights: TypeAlias = list[tuple[int, float]]


@dataclass(frozen=True)
class Analyzer:
    """Takes a text apart into terms: words, and runs of words (joined by a space) of the lengths in `ngram_range`."""

    lowercase: bool = True
    ngram_range: tuple[int, int] = (1, 1)
    stop_words: frozenset[str] = frozenset()

    def words(self, text: str) -> list[str]:
        """Return the words in order, without stop words."""
        words: list[str] = _WORD.findall(text.lower() if self.lowercase else text)
        return [word for word in words if word not in self.stop_words] if self.stop_words else words

    def terms(self, text: str) -> list[str]:
        """Return the terms, as often as they occur."""
        words = self.words(text)
        shortest, longest = self.ngram_range
        if longest == 1:
            return words
        sizes = range(shortest, min(longest, len(words)) + 1)
        return [" ".join(words[i : i + size]) for size in sizes for i in range(len(words) - size + 1)]


class Sparse(NamedTuple):
    """Rows of weights: those of row `i` are `starts[i] … starts[i + 1]`."""

    starts: NDArray[np.int64]
    places: NDArray[np.int64]
    weights: NDArray[np.float64]


@operation
@dataclass(frozen=True)
class Vectorize(Op):
    """Count a text's terms into columns, weighted. A null, and a text without known terms, is all zeros.

    `outputs[i]` belongs to `vocabulary[i]`, or with an empty vocabulary to the terms whose hash (see `hash`) points to
    it; null there is a term without a column. In this order: counts (of hashes: sums of signs), with `binary` 1, with
    `sublinear_tf` `1 + log(count)`, times `idf` where it is not empty, divided by the norm over all terms.
    """

    op: ClassVar[str] = "vectorize"
    column: str
    outputs: tuple[str | None, ...]
    vocabulary: tuple[str, ...] = ()
    lowercase: bool = True
    ngram_range: tuple[int, int] = (1, 1)
    stop_words: tuple[str, ...] = ()
    binary: bool = False
    sublinear_tf: bool = False
    idf: tuple[float, ...] = ()
    norm: str = "none"
    alternate_sign: bool = True
    drop_original: bool = True

    def __post_init__(self) -> None:
        if self.vocabulary:
            same_length("vectorize", vocabulary=self.vocabulary, outputs=self.outputs)
        if self.idf:
            same_length("vectorize", idf=self.idf, outputs=self.outputs)
        if self.norm not in NORMS or not self.outputs or not 1 <= self.ngram_range[0] <= self.ngram_range[1]:
            raise ValueError(f"vectorize: norm {self.norm!r}, ngram_range {self.ngram_range}")

    @cached_property
    def _analyzer(self) -> Analyzer:
        return Analyzer(self.lowercase, (self.ngram_range[0], self.ngram_range[1]), frozenset(self.stop_words))

    def weigher(self) -> Callable[[str], Weights]:
        """Return the function from a text to the places and weights of its terms, in the order of the places."""
        terms, count = self._analyzer.terms, self._counter()
        binary, sublinear, idf, norm = self.binary, self.sublinear_tf, self.idf, self.norm

        def weigh(text: str) -> Weights:
            found: Weights = [(place, float(times)) for place, times in sorted(count(terms(text)).items())]
            if binary:
                found = [(place, 1.0) for place, _ in found]
            if sublinear:
                found = [(place, math.log(times) + 1.0) for place, times in found]
            if idf:
                found = [(place, times * idf[place]) for place, times in found]
            return found if norm == "none" else _normed(found, norm)

        return weigh

    def _counter(self) -> Callable[[list[str]], dict[int, int]]:
        if not self.vocabulary:
            return self._hashed()
        index = {term: place for place, term in enumerate(self.vocabulary)}

        def count(terms: list[str]) -> dict[int, int]:
            counts: dict[int, int] = {}
            for term in terms:
                place = index.get(term)
                if place is not None:
                    counts[place] = counts.get(place, 0) + 1
            return counts

        return count

    def _hashed(self) -> Callable[[list[str]], dict[int, int]]:
        size, signs = len(self.outputs), self.alternate_sign

        @lru_cache(_REMEMBERED)
        def place_and_sign(term: str) -> tuple[int, int]:
            return place_of(term, size, alternate_sign=signs)

        def count(terms: list[str]) -> dict[int, int]:
            counts: dict[int, int] = {}
            for term in terms:
                place, sign = place_and_sign(term)
                counts[place] = counts.get(place, 0) + sign
            return counts

        return count

    def row_function(self) -> RowFunction:
        """Count the terms of one row."""
        column, drop, outputs, weigh = self.column, self.drop_original, self.outputs, self.weigher()
        zeros = dict.fromkeys((name for name in outputs if name is not None), 0.0)

        def run(values: Row) -> None:
            text = values.pop(column) if drop else values[column]
            values.update(zeros)
            for place, weight in weigh(text) if isinstance(text, str) else ():
                name = outputs[place]
                if name is not None:
                    values[name] = weight

        return run

    def sparse(self, texts: Sequence[str | None]) -> Sparse:
        """Return the weights of many texts."""
        weigh = self.weigher()
        found = [weigh(text) if text is not None else [] for text in texts]
        starts = np.cumsum([0, *(len(weights) for weights in found)], dtype=np.int64)
        places = np.fromiter((place for weights in found for place, _ in weights), np.int64, int(starts[-1]))
        weights = np.fromiter((weight for weights in found for _, weight in weights), np.float64, int(starts[-1]))
        return Sparse(starts, places, weights)

    def spread(self, sparse: Sparse, codes: NDArray[np.int64]) -> Iterator[tuple[str, NDArray[np.float64]]]:
        """Yield the columns, one by one, of rows whose texts are `codes` of those weighed."""
        sizes = np.diff(sparse.starts)[codes]
        rows = np.repeat(np.arange(len(codes)), sizes)
        source = np.repeat(sparse.starts[codes] - np.cumsum(sizes) + sizes, sizes) + np.arange(len(rows))
        order = np.argsort(sparse.places[source], kind="stable")
        rows, source = rows[order], source[order]
        bounds = np.searchsorted(sparse.places[source], np.arange(len(self.outputs) + 1))
        for place, name in enumerate(self.outputs):
            if name is not None:
                column = np.zeros(len(codes))
                here = slice(bounds[place], bounds[place + 1])
                column[rows[here]] = sparse.weights[source[here]]
                yield name, column

    def batch(self, columns: Columns) -> None:
        """Count the terms of a column: each different text once."""
        values = columns.pop(self.column) if self.drop_original else columns[self.column]
        codes, texts = distinct(values)
        columns.update(self.spread(self.sparse(texts), codes))

    def makes(self) -> frozenset[str]:
        """Make the outputs."""
        return frozenset(name for name in self.outputs if name is not None)

    def restrict(self, after: frozenset[str]) -> Op | None:
        """Leave out columns that are not needed; their terms stay, for the norm."""
        kept = tuple(name if name in after else None for name in self.outputs)
        return replace(self, outputs=kept) if any(kept) else None

    def needed(self, after: frozenset[str]) -> frozenset[str]:
        """Need the column."""
        return source_needed(after - self.makes(), self.column, dropped=self.drop_original)

    def trace(self, origins: Origins) -> frozenset[str]:
        """No output is ever null."""
        origins.update(dict.fromkeys(self.makes(), frozenset()))
        return frozenset()


@operation
@dataclass(frozen=True)
class Tokenize(Op):
    """Replace a text by its words, joined by one space; where asked for, write their number to `count_output`.

    Words shorter than `min_length` are left out. A null stays null, and has no words.
    """

    op: ClassVar[str] = "tokenize"
    name_fields: ClassVar[tuple[str, ...]] = ("column", "count_output")
    column: str
    count_output: str | None = None
    lowercase: bool = True
    stop_words: tuple[str, ...] = ()
    min_length: int = 2

    def tokenizer(self) -> Callable[[str], list[str]]:
        """Return the function from a text to its words."""
        words, least = Analyzer(self.lowercase, stop_words=frozenset(self.stop_words)).words, self.min_length
        return lambda text: [word for word in words(text) if len(word) >= least]

    def row_function(self) -> RowFunction:
        """Take one row's text apart."""
        column, count, tokens = self.column, self.count_output, self.tokenizer()

        def run(values: Row) -> None:
            text = values[column]
            found = tokens(text) if isinstance(text, str) else []
            values[column] = " ".join(found) if isinstance(text, str) else None
            if count is not None:
                values[count] = float(len(found))

        return run

    def batch(self, columns: Columns) -> None:
        """Take a column apart: each different text once."""
        tokens = self.tokenizer()
        codes, texts = distinct(columns[self.column])
        found = [None if text is None else tokens(text) for text in texts]
        joined = np.empty(len(found), object)
        joined[:] = [None if words is None else " ".join(words) for words in found]
        columns[self.column] = joined[codes]
        if self.count_output is not None:
            columns[self.count_output] = np.array([float(len(words or ())) for words in found], np.float64)[codes]

    def makes(self) -> frozenset[str]:
        """Make the count."""
        return frozenset() if self.count_output is None else frozenset({self.count_output})

    def restrict(self, after: frozenset[str]) -> Op | None:
        """Stay where the words or their number are needed."""
        return self if after & {self.column, *self.makes()} else None

    def needed(self, after: frozenset[str]) -> frozenset[str]:
        """Need the text."""
        return (after - self.makes()) | {self.column}

    def trace(self, origins: Origins) -> frozenset[str]:
        """A number is never null."""
        origins.update(dict.fromkeys(self.makes(), frozenset()))
        return frozenset()


def _normed(weights: Weights, norm: str) -> Weights:
    size = 0.0
    for _, weight in weights:
        size += weight * weight if norm == "l2" else abs(weight)
    size = math.sqrt(size) if norm == "l2" else size
    return [(place, weight / size) for place, weight in weights] if size else weights


def distinct(column: NDArray[Any]) -> tuple[NDArray[np.int64], list[str | None]]:
    """Return the place of each value among the different ones, and those."""
    places: dict[str | None, int] = {}
    codes = (places.setdefault(value, len(places)) for value in plain(column))
    return np.fromiter(codes, np.int64, len(column)), list(places)
