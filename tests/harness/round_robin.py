"""A load balancer of the smallest kind: connections go to the targets in turn, past those that do not answer.

Targets may change; connections that are there stay where they are, as with the Services of Kubernetes.
"""

import asyncio
import contextlib
import itertools
import threading
from collections.abc import Coroutine
from typing import TypeVar

from skyulf_service.testing.ports import free_port

T = TypeVar("T")
CHUNK = 64 * 1024


class RoundRobin:
    """Listens on ``port`` in a thread of its own between `start` and `stop`."""

    def __init__(self, targets: list[int]) -> None:
        self.port = free_port()
        self.targets = targets
        self._turns = itertools.count()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="round-robin")
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    def start(self) -> None:
        """Listen."""
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._join, "127.0.0.1", self.port))

    def stop(self) -> None:
        """Close everything and end the thread."""
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _run(self, work: Coroutine[None, None, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = None, None
        self._writers.add(writer)
        try:
            far_reader, far_writer = await self._dial()
            self._writers.add(far_writer)
            ways = [asyncio.create_task(_copy(reader, far_writer)), asyncio.create_task(_copy(far_reader, writer))]
            # either end going away ends the connection, as with the replica itself
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
        except OSError:
            pass
        finally:
            for each in (writer, far_writer):
                if each is not None:
                    self._writers.discard(each)
                    each.close()

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        targets = list(self.targets)
        for _ in targets:
            with contextlib.suppress(OSError):
                return await asyncio.open_connection("127.0.0.1", targets[next(self._turns) % len(targets)])
        raise ConnectionRefusedError("none of the targets answers")


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()
