"""What a caller learns about rows that cannot be predicted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

LONGEST_TEXT = 2_000
"""Messages are cut to so many characters: a value, or the name of a column, may be as long as a book."""


class RowProblem(NamedTuple):
    """One fault of one row: its index, the field (empty: the row itself), a sentence, a stable code.

    Codes: missing, unknown_field, wrong_type, not_finite, out_of_range, invalid_text, invalid_date, null,
    unknown_category, cannot_cast, not_allowed, no_match.
    """

    row_index: int
    field: str
    message: str
    code: str


class RowError(ValueError):
    """Rows that cannot be predicted; `problems` lists every fault of every row, and nothing was predicted."""

    def __init__(self, problems: Iterable[RowProblem]) -> None:
        self.problems = list(problems)
        shown = [f"row {p.row_index}: {p.field or 'the row'} {p.message}" for p in self.problems[:5]]
        more = len(self.problems) - len(shown)
        super().__init__("; ".join(shown) + (f"; and {more} more" if more > 0 else ""))


class ValueRefusedError(ValueError):
    """One value does not fit its column."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


def shortened(text: str, most: int = LONGEST_TEXT) -> str:
    """Return a text with its middle left out where it is longer than a message may be."""
    if len(text) <= most:
        return text
    begin, end = most // 2, most // 4
    return f"{text[:begin]} […] {text[-end:]}"
