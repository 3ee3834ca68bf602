"""Records of CSV text as Python's reader sees them, with the lines on which they begin."""

import csv
from collections.abc import Iterable, Iterator

from skyulf_ingestion.child.errors import UnreadableFileError

# A cell may be as long as a block that Arrow reads at once; the module's own limit is 131,072 characters.
LONGEST_FIELD = 8 << 20


def records(lines: Iterable[str], separator: str, *, strict: bool = False) -> Iterator[tuple[int, list[str]]]:
    """Yield each record that is not blank with the number of its first line, from 1.

    Raises `UnreadableFileError` for an overlong cell, and with ``strict`` for a quote that is never closed.
    """
    csv.field_size_limit(LONGEST_FIELD)
    reader = csv.reader(lines, delimiter=separator, strict=strict)
    last = 0
    try:
        for record in reader:
            if record:
                yield last + 1, record
            last = reader.line_num
    except csv.Error as error:
        raise _refusal(str(error), last + 1) from None


def ragged(line: int, *, expected: int, found: int) -> UnreadableFileError:
    """The refusal of a line with too many or too few fields."""
    return UnreadableFileError("ragged-row", f"Line {line} has {found} fields; the header has {expected}.")


def too_long(line: int) -> UnreadableFileError:
    """The refusal of a cell beyond the limit."""
    return UnreadableFileError("cell-too-long", f"A cell on line {line} is longer than {LONGEST_FIELD >> 20} MiB.")


def _refusal(message: str, line: int) -> UnreadableFileError:
    if "limit" in message:
        return too_long(line)
    if "unexpected end" in message:
        return UnreadableFileError(
            "unterminated-quote", f'A quoted field that begins on line {line} is never closed by ".'
        )
    return UnreadableFileError("bad-quote", f"Line {line} has a quote in a place where it cannot be: {message}.")
