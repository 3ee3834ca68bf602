"""Pages as they are answered: ``{"items": [...], "next_cursor": ...}``."""

from collections.abc import Callable
from typing import Generic, TypeVar

from pydantic import BaseModel, Field

from skyulf_service.database.pagination import Page

T = TypeVar("T")
R = TypeVar("R", bound=BaseModel)


class PageRead(BaseModel, Generic[R]):
    """One page of a list."""

    items: list[R]
    next_cursor: str | None = Field(None, description="Pass it as `cursor` to get the next page; null on the last one")

    @classmethod
    def of(cls, page: Page[T], convert: Callable[[T], R]) -> "PageRead[R]":
        """Convert a page of aggregates into what is answered."""
        return cls(items=[convert(item) for item in page.items], next_cursor=page.next_cursor)
