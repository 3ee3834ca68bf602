"""The newest events of the log in memory, for followers who are nearly up to date."""

from collections import deque
from collections.abc import Iterable
from itertools import islice
from sys import getsizeof

from skyulf_gateway.domain.log import LoggedEvent


class Newest:
    """So many events at most, and so many bytes of their bodies: one body may be a thousand times another."""

    def __init__(self, *, most: int, most_bytes: int) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._events: deque[LoggedEvent] = deque()
        self.bytes = 0

    def extend(self, events: Iterable[LoggedEvent]) -> None:
        """Take in what was appended to the log behind all that is here; the oldest go."""
        for event in events:
            self._events.append(event)
            self.bytes += getsizeof(event.data)
            while len(self._events) > self._most or self.bytes > self._most_bytes:
                self.bytes -= getsizeof(self._events.popleft().data)

    def clear(self) -> None:
        """Forget all of them."""
        self._events.clear()
        self.bytes = 0

    def behind(self, seq: int, *, limit: int) -> list[LoggedEvent] | None:
        """The events behind a number, in order; None where some of them are only in the stored log."""
        if not self._events or seq < self._events[0].seq - 1:
            return None
        # retention removes only the oldest and appending leaves no gaps, so places in memory follow from numbers
        start = seq - self._events[0].seq + 1
        return list(islice(self._events, start, start + limit))
