"""A reader of the event stream that loses its connection all the time."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from harness.api import PREFIX, Api


@dataclass(frozen=True)
class Seen:
    """One event of the stream."""

    number: int
    event: dict[str, Any]

    @property
    def type(self) -> str:
        """The event's type without prefix and major version: ``job.completed``."""
        return str(self.event["type"]).removeprefix("io.skyulf.").removesuffix(".v1")

    @property
    def data(self) -> dict[str, Any]:
        """The event's body."""
        found: dict[str, Any] = self.event["data"]
        return found


def read_stream(api: Api, *, after: int = 0, at_most: int | None = None, quiet: float = 2.0) -> Iterator[Seen]:
    """Read the stream behind a number until it has been quiet for some seconds, or so many events have come."""
    headers = {"Last-Event-ID": str(after), "Accept": "text/event-stream"}
    timeout = httpx.Timeout(10, read=quiet)
    count = 0
    try:
        with api.http.stream("GET", f"{PREFIX}/events", headers=headers, timeout=timeout) as answer:
            assert answer.status_code == 200, answer.read()
            number = 0
            for line in answer.iter_lines():
                if line.startswith("id: "):
                    number = int(line.removeprefix("id: "))
                elif line.startswith("data: "):
                    yield Seen(number, json.loads(line.removeprefix("data: ")))
                    count += 1
                    if count == at_most:
                        return
    except httpx.ReadTimeout:
        return


class Reader:
    """Follows the stream in a thread, reconnecting after every ``at_most`` events with the last number it saw."""

    def __init__(self, api: Api, *, at_most: int = 2) -> None:
        self.seen: list[Seen] = []
        self.connections = 0
        self._api, self._at_most = api, at_most
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True, name="event-reader")

    def start(self) -> None:
        """Begin at the first event of the project."""
        self._thread.start()

    def finish(self) -> list[Seen]:
        """Read what is still on its way, and return everything."""
        self._over.set()
        self._thread.join(60)
        assert not self._thread.is_alive(), "the event stream never became quiet"
        return self.seen

    def _follow(self) -> None:
        while True:
            over = self._over.is_set()
            last = self.seen[-1].number if self.seen else 0
            self.connections += 1
            found = list(read_stream(self._api, after=last, at_most=self._at_most))
            self.seen += found
            if over and not found:
                return
