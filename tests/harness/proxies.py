"""A way to an object store on which some answers wait, and requests are counted."""

import asyncio
import contextlib
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from skyulf_service.testing.ports import free_port

CHUNK = 64 * 1024
# a request without a body is sent at once
GET = re.compile(rb"GET (\S+) HTTP/1")


class HeldAnswers:
    """Passes everything on, but for answers to requests that hold some bytes: these wait for `release`.

    ``asked`` counts the paths of GET requests; ``holding`` is set as soon as an answer has to wait.
    """

    def __init__(self, address: str, marker: bytes) -> None:
        host, _, port = address.rpartition(":")
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self._target, self._marker = (host, int(port)), marker
        self._released = threading.Event()
        self.asked: Counter[str] = Counter()
        self.holding = threading.Event()
        self._server: asyncio.Server | None = None

    def release(self) -> None:
        """Let the answers go."""
        self._released.set()

    async def listen(self) -> None:
        """Accept connections."""
        self._server = await asyncio.start_server(self._join, "127.0.0.1", self.port)

    async def close(self) -> None:
        """End all connections."""
        if self._server is not None:
            self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection(*self._target)
            asked = asyncio.Event()
            ways = [
                asyncio.create_task(self._up(reader, far_writer, asked)),
                asyncio.create_task(self._down(far_reader, writer, asked)),
            ]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            far_writer.close()
        writer.close()

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: asyncio.Event) -> None:
        while chunk := await reader.read(CHUNK):
            if found := GET.match(chunk):
                self.asked[found[1].decode()] += 1
            if self._marker in chunk:
                asked.set()
                self.holding.set()
            writer.write(chunk)
            await writer.drain()

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: asyncio.Event) -> None:
        while chunk := await reader.read(CHUNK):
            while asked.is_set() and not self._released.is_set():
                await asyncio.sleep(0.02)
            writer.write(chunk)
            await writer.drain()


@contextmanager
def held_answers(address: str, marker: bytes) -> Iterator[HeldAnswers]:
    """Stand before ``host:port`` for the block, in a thread of its own."""
    loop, held = asyncio.new_event_loop(), HeldAnswers(address, marker)
    thread = threading.Thread(target=loop.run_forever, daemon=True, name="held-answers")
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(held.listen(), loop).result(10)
        yield held
    finally:
        asyncio.run_coroutine_threadsafe(held.close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
