"""Where a reader of the event stream is: lines in, events out, and where to go on after an interruption."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from skyulf_client.answers import Event
from skyulf_client.errors import SkyulfApiError, SkyulfClientError
from skyulf_client.operations import Request

_LONGEST_PAUSE = 10.0


@dataclass(slots=True)
class EventPosition:
    """The state of one reader over all of its connections (server-sent events, as in HTML's specification)."""

    types: Sequence[str] = ()
    subjects: Sequence[str] = ()
    after: int | None = None
    patience: int = 8
    _retry: float = 1.0
    _failures: int = 0
    _id: str = ""
    _data: list[str] = field(default_factory=list)

    def request(self) -> Request:
        """The request that goes on behind the last event seen."""
        self._data.clear()
        self._id = "" if self.after is None else str(self.after)  # not that of an event whose end never came
        query: Mapping[str, list[str]] = {"type": list(self.types), "subject": list(self.subjects)}
        headers = {"Accept": "text/event-stream"}
        if self.after is not None:
            headers["Last-Event-ID"] = str(self.after)
        return Request("GET", "/events", {name: values for name, values in query.items() if values}, headers=headers)

    def feed(self, line: str) -> Event | None:
        """Take one line; returns the event that it ends."""
        self._failures = 0
        if line:
            name, _, value = line.partition(":")
            self._take(name, value.removeprefix(" "))
            return None
        data, self._data = "\n".join(self._data), []
        event = Event.model_validate(json.loads(data)) if data else None
        if self._id.isdigit():  # also of a block without data: the stream's first line says where it begins
            self.after = int(self._id)
        elif event is not None:
            self.after = event.sequence
        return event

    def pause(self, problem: SkyulfClientError | None) -> float:
        """How long to wait before connecting again, in seconds; raises the problem where that would not help."""
        self._failures += 1
        if isinstance(problem, SkyulfApiError) and problem.status < 500 and problem.status != 429:
            raise problem
        if problem is not None and self._failures > self.patience:
            raise problem
        asked = problem.retry_after if isinstance(problem, SkyulfApiError) else None
        return min(_LONGEST_PAUSE, max(asked or 0.0, self._retry * 2.0 ** (self._failures - 1) / 2))

    def _take(self, name: str, value: str) -> None:
        if name == "data":
            self._data.append(value)
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and value.isdigit():
            self._retry = int(value) / 1000
