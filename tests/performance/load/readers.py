"""Those who follow the project's events at the gateway, as other systems do; and what they tell those who wait."""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import aiohttp

from performance.load.client import PREFIX, Client, Json
from performance.load.order import Sight

Listener = Callable[[Json], None]
# a stream without even a comment for so long is broken: a comment comes every 15 s
SILENCE_SECONDS = 40.0


class Reader:
    """Follows from the first event on. Every ``leaving`` seconds (None: never) it goes, and comes back where it was.

    ``seen`` is what it saw; what went wrong with its connections is in the client's tally.
    """

    def __init__(self, client: Client, *, leaving: float | None, listener: Listener | None = None) -> None:
        self.seen: list[Sight] = []
        self.connections = 0
        self._client, self._leaving, self._listener = client, leaving, listener
        self._last = 0

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            began = time.monotonic()
            try:
                async with asyncio.timeout(self._leaving):
                    await self._connect()
            except TimeoutError:
                if self._leaving is not None and time.monotonic() - began >= self._leaving:
                    continue
                self._client.tally.fail("events", "silence")
            except (aiohttp.ClientError, OSError) as error:
                self._client.tally.fail("events", type(error).__name__, repr(error))
            await asyncio.sleep(1.0)

    async def _connect(self) -> None:
        self.connections += 1
        headers = {"Last-Event-ID": str(self._last), "Accept": "text/event-stream"}
        timeout = aiohttp.ClientTimeout(total=None, sock_read=SILENCE_SECONDS)
        async with self._client.http.get(PREFIX + "/events", headers=headers, timeout=timeout) as answer:
            if answer.status != 200:
                self._client.tally.fail("events", str(answer.status), await answer.text())
                return
            number, data = self._last, b""
            async for line in answer.content:
                if line.startswith(b"id: "):
                    number = int(line[4:])
                elif line.startswith(b"data: "):
                    data = line[6:]
                elif line == b"\n":  # only now the block is whole
                    self._last = number
                    if data:
                        self._take(number, json.loads(data))
                    data = b""
        # allowed, where it could not ask whether the key still counts: whoever comes back misses nothing
        self._client.tally.retried["events", "ended by the server"] += 1

    def _take(self, number: int, event: Json) -> None:
        key = f"{event['source']} {event['subject']}"
        self.seen.append(Sight(number, event["id"], key, event["data"]["aggregate_version"]))
        if self._listener is not None:
            self._listener(event)


class News:
    """What has happened, for those who wait for it."""

    def __init__(self) -> None:
        self.happened: dict[tuple[str, ...], Json] = {}
        self._awaited: dict[tuple[str, ...], asyncio.Future[Json]] = {}

    def take(self, event: Json) -> None:
        """Take in an event."""
        key = _key(event)
        data: Json = event["data"]
        self.happened[key] = data
        waiting = self._awaited.pop(key, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(data)

    async def of(self, kind: str, *about: Any) -> Json:
        """The body of an event, as soon as it has happened: ``of("job.completed", id)``."""
        key = (kind, *map(str, about))
        if key in self.happened:
            return self.happened[key]
        if key not in self._awaited:
            self._awaited[key] = asyncio.get_running_loop().create_future()
        return await asyncio.shield(self._awaited[key])

    def all(self, kind: str) -> list[Json]:
        """The bodies of all events of a kind."""
        return [data for key, data in self.happened.items() if key[0] == kind]


def _key(event: Json) -> tuple[str, ...]:
    kind, data = str(event["type"]).removeprefix("io.skyulf.").removesuffix(".v1"), event["data"]
    match kind:
        case "dataset.profiled" | "dataset.failed":
            return "dataset.judged", str(data["dataset_id"])
        case "deployment.ready" | "deployment.failed":
            return "deployment.judged", str(data["name"]), str(data["revision"])
        case "model.registered":
            return kind, str(data["model"]), str(data["version"])
        case "job.completed":
            return kind, str(data["job_id"])
    return kind, str(event["id"])
