"""Keyset pages: stable under inserts, and as fast on the last page as on the first."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar
from uuid import UUID

from skyulf_service.database.types import clean_text
from skyulf_service.errors import FieldProblem, InvalidInputError

T = TypeVar("T")
R = TypeVar("R")

MAX_LIMIT = 200
LARGEST = 2**63 - 1  # of a whole number that both databases compare


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items, and the cursor of the next page (None on the last)."""

    items: Sequence[T]
    next_cursor: str | None = None

    def map(self, convert: Callable[[T], R]) -> "Page[R]":
        """The same page of converted items."""
        return Page([convert(item) for item in self.items], self.next_cursor)


def encode_cursor(order: str, keys: Sequence[str | int]) -> str:
    """Write the position after a row as opaque text; ``order`` guards against a cursor of another listing."""
    text = json.dumps([order, *keys], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(cursor: str, order: str, length: int) -> list[str | int]:
    """Read a cursor back into ``length`` keys that a database can compare, or raise `InvalidInputError`.

    A cursor is anybody's text: what it holds is checked as a body would be.
    """
    try:
        found = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        raise invalid_cursor() from None
    if not isinstance(found, list) or len(found) != length + 1 or found[0] != order:
        raise invalid_cursor()
    keys = found[1:]
    if not all(_is_comparable(key) for key in keys):
        raise invalid_cursor()
    return keys


def decode_moment_cursor(cursor: str, order: str) -> tuple[datetime, UUID]:
    """Read a cursor of a list that is ordered by time and then by id, or raise `InvalidInputError`."""
    moment, id = decode_cursor(cursor, order, 2)
    try:
        created, last = datetime.fromisoformat(str(moment)), UUID(str(id))
        if created.tzinfo is None:
            raise invalid_cursor()
        return created.astimezone(UTC), last
    except (ValueError, OverflowError):  # the latter for year 1 or 9999, moved to UTC
        raise invalid_cursor() from None


def invalid_cursor() -> InvalidInputError:
    """The error for a cursor that this listing never gave out."""
    problem = FieldProblem("/query/cursor", "is not a cursor of this list", "invalid-cursor")
    return InvalidInputError("The cursor is not one of this list; start again without it.", errors=[problem])


def _is_comparable(key: object) -> bool:
    if isinstance(key, str):
        try:
            return clean_text(key) == key
        except InvalidInputError:
            return False
    return isinstance(key, int) and not isinstance(key, bool) and abs(key) <= LARGEST
