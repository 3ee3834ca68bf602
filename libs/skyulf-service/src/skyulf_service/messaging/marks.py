"""How far somebody has read what a service has published."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a feed: the number of an event, and its id. 0 is before the first.

    The number alone does not do: a service that was restored to an earlier state gives numbers out again.
    """

    position: int = 0
    event_id: str = ""


class Marks(Protocol):
    """Where marks outlive a process."""

    async def find(self, owner: str) -> Mark:
        """The mark in an owner's feed; the beginning where there is none."""
        ...

    async def put(self, owner: str, mark: Mark) -> None:
        """Keep a mark in place of the one before."""
        ...
