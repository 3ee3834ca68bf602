"""A reader of the event stream that loses its connection all the time."""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from harness.api import PREFIX, Api

# so many connections without an event, and nothing is on its way any more
QUIET_CONNECTIONS = 3


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


def read_stream(
    api: Api, *, after: int = 0, at_most: int | None = None, quiet: float = 2.0, **wanted: str
) -> Iterator[Seen]:
    """Read the stream behind a number until it has been quiet for some seconds, or so many events have come."""
    headers = {"Last-Event-ID": str(after), "Accept": "text/event-stream"}
    timeout = httpx.Timeout(10, read=quiet)
    count = 0
    try:
        with api.http.stream("GET", f"{PREFIX}/events", params=wanted, headers=headers, timeout=timeout) as answer:
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


def read_until(api: Api, enough: Callable[[list[Seen]], bool]) -> list[Seen]:
    """Read the whole stream, again until it has told enough: nobody who has heard an event says that all have.

    What would be told once more had the time until the stream was quiet.
    """

    def look() -> list[Seen] | None:
        seen = list(read_stream(api))
        return seen if enough(seen) else None

    found: list[Seen] = api.eventually(look, what="the stream has told enough")
    return found


class Reader:
    """Follows the stream in a thread: every ``seconds`` it drops the connection, whatever is on its way, and comes back
    with the last number that it saw.
    """

    def __init__(self, api: Api, *, seconds: float = 1.0) -> None:
        self.seen: list[Seen] = []
        self.connections = 0
        self.followed = 0.0
        self._api, self._seconds = api, seconds
        self._last = 0
        self._over = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True, name="event-reader")

    def start(self) -> None:
        """Begin at the first event of the project."""
        self._thread.start()

    def finish(self, known: Collection[str] = ()) -> list[Seen]:
        """Read what is still on its way, at least the events that are known by their ids, and return everything."""
        deadline = time.monotonic() + 60
        while self._thread.is_alive() and not {seen.event["id"] for seen in self.seen[:]} >= set(known):
            assert time.monotonic() < deadline, "the stream does not tell of all that was announced"
            time.sleep(0.1)
        self._over.set()
        self._thread.join(120)
        assert not self._thread.is_alive(), "the event stream never became quiet"
        assert self._failure is None, repr(self._failure)
        return self.seen

    def _run(self) -> None:
        began = time.monotonic()
        try:
            asyncio.run(self._follow())
        except BaseException as error:  # shown by whoever waits for the end
            self._failure = error
        self.followed = time.monotonic() - began

    async def _follow(self) -> None:
        headers = {**self._api.http.headers, "Accept": "text/event-stream"}
        async with httpx.AsyncClient(base_url=self._api.url, headers=headers, timeout=30, trust_env=False) as client:
            silent = 0
            while silent < QUIET_CONNECTIONS:
                before, over = len(self.seen), self._over.is_set()
                await self._connect(client)
                silent = silent + 1 if over and len(self.seen) == before else 0

    async def _connect(self, client: httpx.AsyncClient) -> None:
        self.connections += 1
        last = {"Last-Event-ID": str(self._last)}
        with contextlib.suppress(TimeoutError):
            async with (
                asyncio.timeout(self._seconds),
                client.stream("GET", f"{PREFIX}/events", headers=last) as answer,
            ):
                assert answer.status_code == 200, await answer.aread()
                number, data = self._last, ""
                async for line in answer.aiter_lines():
                    if line.startswith("id: "):
                        number = int(line.removeprefix("id: "))
                    elif line.startswith("data: "):
                        data = line.removeprefix("data: ")
                    elif not line:  # only now the block is whole
                        self._last = number
                        self.seen += [Seen(number, json.loads(data))] if data else []
                        data = ""
