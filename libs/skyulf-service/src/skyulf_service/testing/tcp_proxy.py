"""A TCP proxy that disturbs what passes: delays, cuts, resets at a byte, or swallows."""

import asyncio
import contextlib
import socket
import struct
from types import TracebackType
from typing import Self

from skyulf_service.testing.ports import free_port

CHUNK = 64 * 1024


class TcpProxy:
    """``async with TcpProxy("127.0.0.1", 5432) as proxy:`` and connect to ``proxy.host``, ``proxy.port``.

    Attributes that work on living connections: ``delay`` (seconds before each chunk is passed on), ``blackhole``
    (swallow everything), ``reset_after`` (bytes, of both directions together and of each connection, after which it
    is reset; None: never). ``accepted`` counts the connections.
    """

    def __init__(self, target_host: str, target_port: int, *, port: int | None = None) -> None:
        self.target = (target_host, target_port)
        self.host, self.port = "127.0.0.1", port or free_port()
        self.delay = 0.0
        self.blackhole = False
        self.reset_after: int | None = None
        self.accepted = 0
        self.server: asyncio.Server | None = None
        self.links: set[Link] = set()
        self.tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self.restore()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.cut()

    @property
    def address(self) -> str:
        """The proxy's own ``host:port``."""
        return f"{self.host}:{self.port}"

    async def restore(self) -> None:
        """Accept connections (again); nothing when it does."""
        if self.server is None:
            self.server = await asyncio.start_server(self.accept, self.host, self.port)

    async def cut(self) -> None:
        """Reset every connection and refuse new ones until ``restore``."""
        if self.server is not None:
            self.server.close()
            self.server = None
        await self.reset()

    async def reset(self) -> None:
        """Reset every connection; new ones are accepted."""
        for link in list(self.links):
            link.reset()
        if self.tasks:
            await asyncio.wait(self.tasks)

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Join a client's connection with one to the target until either ends."""
        self.accepted += 1
        link = Link(self, writer)
        task = asyncio.current_task()
        self.links.add(link)
        self.tasks.update({task} if task else ())
        try:
            await link.join(reader)
        except (OSError, asyncio.IncompleteReadError):
            link.reset()
        finally:
            link.close()
            self.links.discard(link)
            self.tasks.discard(task) if task else None


class Link:
    """One client's connection, its connection to the target, and the count of the bytes that passed."""

    def __init__(self, proxy: TcpProxy, client: asyncio.StreamWriter) -> None:
        self.proxy = proxy
        self.writers = [client]
        self.passed = 0

    async def join(self, client: asyncio.StreamReader) -> None:
        """Copy both ways until both ends have ended, or the link is reset."""
        server_reader, server_writer = await asyncio.open_connection(*self.proxy.target)
        self.writers.append(server_writer)
        await asyncio.gather(self.copy(client, server_writer), self.copy(server_reader, self.writers[0]))

    async def copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass bytes on in one direction, under the proxy's disturbances; ends the other side's input at the end."""
        while chunk := await reader.read(CHUNK):
            if self.proxy.delay:
                await asyncio.sleep(self.proxy.delay)
            if self.proxy.blackhole:
                continue
            await self.send(chunk, writer)
        if writer.can_write_eof():
            with contextlib.suppress(OSError):
                writer.write_eof()

    async def send(self, chunk: bytes, writer: asyncio.StreamWriter) -> None:
        """Pass one chunk on, or what of it may still pass before the reset."""
        limit = self.proxy.reset_after
        allowed = chunk if limit is None else chunk[: max(0, limit - self.passed)]
        self.passed += len(allowed)
        writer.write(allowed)
        await writer.drain()
        if len(allowed) < len(chunk):
            self.reset()

    def reset(self) -> None:
        """End both connections with RST: the peers see ``ConnectionResetError``, not an orderly end."""
        for writer in self.writers:
            connection = writer.get_extra_info("socket")
            if connection is not None and connection.fileno() >= 0:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    def close(self) -> None:
        """End both connections in order."""
        for writer in self.writers:
            writer.close()
