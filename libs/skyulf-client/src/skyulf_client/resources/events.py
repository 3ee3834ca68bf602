"""The event stream: what happens in the project, followed across interruptions."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence

from skyulf_client.answers import Event
from skyulf_client.errors import SkyulfClientError
from skyulf_client.event_stream import EventPosition
from skyulf_client.transport import AsyncTransport, BlockingTransport


class Events:
    """Events, blocking."""

    def __init__(self, transport: BlockingTransport) -> None:
        self._transport = transport

    def stream(
        self, *, types: Sequence[str] = (), subjects: Sequence[str] = (), after: int | None = None
    ) -> Iterator[Event]:
        """Follow the project's events without end, each once; a lost connection is taken up where it broke off.

        ``types`` are names such as ``job.completed``, ``subjects`` ids. ``after`` is an event's sequence (0: the whole
        log); without it the stream begins now, and what happens before the first event may be missed in a
        reconnection. Raises `SkyulfApiError` for what is refused, `SkyulfConnectionError` when the server stays away.
        """
        position = EventPosition(types, subjects, after)
        while True:
            problem: SkyulfClientError | None = None
            try:
                with self._transport.stream(position.request()) as lines:
                    for line in lines:
                        event = position.feed(line)
                        if event is not None:
                            yield event
            except SkyulfClientError as error:
                problem = error
            time.sleep(position.pause(problem))


class AsyncEvents:
    """Events, awaited."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def stream(
        self, *, types: Sequence[str] = (), subjects: Sequence[str] = (), after: int | None = None
    ) -> AsyncIterator[Event]:
        """Follow the project's events without end; see `Events.stream`."""
        position = EventPosition(types, subjects, after)
        while True:
            problem: SkyulfClientError | None = None
            try:
                async with self._transport.stream(position.request()) as lines:
                    async for line in lines:
                        event = position.feed(line)
                        if event is not None:
                            yield event
            except SkyulfClientError as error:
                problem = error
            await asyncio.sleep(position.pause(problem))
