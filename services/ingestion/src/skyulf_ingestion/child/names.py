"""Column names, by one rule for every format."""

import json
import unicodedata
from collections import Counter
from collections.abc import Sequence

from skyulf_ingestion.child.errors import UnreadableFileError

MAX_COLUMNS = 5_000
MAX_LENGTH = 256
MAX_BYTES = 256 << 10  # every reader of events is told all names, in one event
BIDI = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")


def check_names(names: Sequence[str], where: str = "the header (line 1)") -> list[str]:
    """Return the names in NFC, trimmed. Raises for too many, empty, duplicate, overlong or unprintable ones.

    ``where`` says in messages where the names stand.
    """
    if len(names) > MAX_COLUMNS:
        raise UnreadableFileError("too-many-columns", f"The file has {len(names)} columns; the limit is {MAX_COLUMNS}.")
    cleaned = [unicodedata.normalize("NFC", name).strip() for name in names]
    for position, name in enumerate(cleaned, start=1):
        if not name:
            raise UnreadableFileError("empty-column-name", f"Column {position} has no name in {where}.")
        if len(name) > MAX_LENGTH:
            raise UnreadableFileError(
                "column-name-too-long", f"The name of column {position} is longer than {MAX_LENGTH} characters."
            )
        if any(unicodedata.category(letter) in {"Cc", "Cs"} or letter in BIDI for letter in name):
            raise UnreadableFileError(
                "unprintable-column-name", f"The name of column {position} contains a control or bidi character."
            )
    if len(json.dumps(cleaned, ensure_ascii=False).encode()) > MAX_BYTES:
        raise UnreadableFileError(
            "column-names-too-long", f"All column names together are longer than {MAX_BYTES >> 10} KiB."
        )
    twice = [name for name, count in Counter(cleaned).items() if count > 1]
    if twice:
        listed = ", ".join(repr(name) for name in twice[:5])
        raise UnreadableFileError(
            "duplicate-column-names",
            f"Column names must be unique; in {where} these stand twice: {listed}.",
        )
    return cleaned
