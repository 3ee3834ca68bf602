"""The TCP proxy disturbs exactly what it is told to."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from skyulf_service.testing import TcpProxy, free_port

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def echo_port() -> AsyncIterator[int]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    port = free_port()
    server = await asyncio.start_server(echo, "127.0.0.1", port)
    yield port
    server.close()


@pytest.fixture
async def proxy(echo_port: int) -> AsyncIterator[TcpProxy]:
    async with TcpProxy("127.0.0.1", echo_port) as running:
        yield running


async def connect(proxy: TcpProxy) -> Streams:
    return await asyncio.open_connection(proxy.host, proxy.port)


async def ask(streams: Streams, data: bytes) -> bytes:
    streams[1].write(data)
    return await asyncio.wait_for(streams[0].readexactly(len(data)), timeout=5)


async def test_an_undisturbed_proxy_passes_everything_and_the_end(proxy: TcpProxy) -> None:
    reader, writer = await connect(proxy)
    body = bytes(range(256)) * 8192

    writer.write(body)
    writer.write_eof()

    assert await asyncio.wait_for(reader.read(-1), timeout=10) == body
    assert proxy.accepted == 1


async def test_a_delay_holds_every_chunk_back_in_both_directions(proxy: TcpProxy) -> None:
    proxy.delay = 0.1
    streams = await connect(proxy)
    started = time.monotonic()

    await ask(streams, b"slow")

    assert time.monotonic() - started >= 0.2


async def test_a_reset_comes_at_the_byte_it_was_set_to(proxy: TcpProxy) -> None:
    proxy.reset_after = 10
    reader, writer = await connect(proxy)

    writer.write(b"123456")

    assert await reader.readexactly(4) == b"1234"
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(reader.read(1), timeout=5)


async def test_a_cut_resets_living_connections_and_refuses_new_ones_until_restored(proxy: TcpProxy) -> None:
    streams = await connect(proxy)
    await ask(streams, b"alive")

    await proxy.cut()

    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(streams[0].read(1), timeout=5)
    with pytest.raises(ConnectionRefusedError):
        await connect(proxy)
    await proxy.restore()
    assert await ask(await connect(proxy), b"again") == b"again"


async def test_a_black_hole_swallows_and_keeps_the_connection(proxy: TcpProxy) -> None:
    streams = await connect(proxy)
    proxy.blackhole = True
    streams[1].write(b"lost")

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(streams[0].read(1), timeout=0.2)

    proxy.blackhole = False
    assert await ask(streams, b"back") == b"back"


async def test_a_dead_target_ends_the_client_s_connection() -> None:
    async with TcpProxy("127.0.0.1", free_port()) as proxy:
        reader, _ = await connect(proxy)

        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.read(1), timeout=5)
