"""The text_similarity operation: how alike two texts of a row are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal, cast

import numpy as np

from skyulf_core.serving.ops.base import Columns, Op, Origins, Row, RowFunction, operation, plain
from skyulf_core.serving.ops.extras import need

SIMILARITIES = {"ratio": "ratio", "token_sort": "token_sort_ratio", "token_set": "token_set_ratio"}


def scorer(method: str) -> Callable[[str, str], float]:
    """Return rapidfuzz's function (0 … 100). Raises MissingExtraError."""
    return cast("Callable[[str, str], float]", getattr(need("rapidfuzz.fuzz", extra="text"), SIMILARITIES[method]))


@operation
@dataclass(frozen=True)
class TextSimilarity(Op):
    """Write how alike the texts of two columns are, from 0 to 1; null where one of them is.

    `ratio`, `token_sort` and `token_set` are rapidfuzz's `fuzz.ratio`, `token_sort_ratio` and `token_set_ratio`
    divided by 100.
    """

    op: ClassVar[str] = "text_similarity"
    columns: tuple[str, str]
    output: str
    method: Literal["ratio", "token_sort", "token_set"] = "ratio"

    def __post_init__(self) -> None:
        if len(self.columns) != 2 or self.method not in SIMILARITIES:
            raise ValueError(f"text_similarity: two columns and one of {', '.join(SIMILARITIES)} expected")

    def row_function(self) -> RowFunction:
        """Compare in one row."""
        (left, right), output, score = self.columns, self.output, scorer(self.method)

        def run(values: Row) -> None:
            one, other = values[left], values[right]
            known = isinstance(one, str) and isinstance(other, str)
            values[output] = score(one, other) / 100.0 if known else None

        return run

    def batch(self, columns: Columns) -> None:
        """Compare two columns, into float64."""
        score = scorer(self.method)
        pairs = zip(*(plain(columns[name]) for name in self.columns), strict=True)
        found = [np.nan if one is None or other is None else score(one, other) / 100.0 for one, other in pairs]
        columns[self.output] = np.array(found, np.float64)

    def makes(self) -> frozenset[str]:
        """Make the output."""
        return frozenset({self.output})

    def needed(self, after: frozenset[str]) -> frozenset[str]:
        """Need both columns."""
        return (after - self.makes()) | frozenset(self.columns)

    def trace(self, origins: Origins) -> frozenset[str]:
        """A null of either column reaches the output."""
        origins[self.output] = frozenset().union(*(origins.get(name, frozenset()) for name in self.columns))
        return frozenset()
