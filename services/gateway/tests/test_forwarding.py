"""Bodies stream both ways, and a neighbour that is away, silent or broken is told apart."""

import asyncio
import hashlib
import time

import httpx
import psutil
import pytest
from harness.promises import Figures
from skyulf_service.testing.ports import free_port

MIB = 2**20


async def chunks(count: int):
    for _ in range(count):
        yield bytes(MIB)


async def peak_while(work) -> tuple[object, float]:
    """What the work returns, and how far the process's memory rose above its beginning (MiB)."""
    process, peak = psutil.Process(), 0.0
    before = process.memory_info().rss

    async def watch():
        nonlocal peak
        while True:
            peak = max(peak, (process.memory_info().rss - before) / MIB)
            await asyncio.sleep(0.005)

    watching = asyncio.create_task(watch())
    try:
        return await work, peak
    finally:
        watching.cancel()


@pytest.mark.parametrize("declared", [True, False], ids=["content-length", "chunked"])
async def test_a_large_upload_streams_with_flat_memory(either, declared):
    headers = {"Content-Length": str(50 * MIB)} if declared else {}
    expected = hashlib.sha256(bytes(50 * MIB)).hexdigest()

    answer, risen = await peak_while(either.client.post("/api/v1/uploads", content=chunks(50), headers=headers))

    assert answer.json() == {"size": 50 * MIB, "sha256": expected}
    assert risen < 25


async def test_a_large_download_streams_with_flat_memory(either):
    async def read() -> int:
        size = 0
        async with either.client.stream("GET", "/api/v1/downloads/50") as answer:
            async for chunk in answer.aiter_raw():
                size += len(chunk)
        return size

    size, risen = await peak_while(read())

    assert size == 50 * MIB
    assert risen < 25


async def test_a_reader_that_stalls_holds_the_service_back(either):
    async def stall() -> int:
        async with either.client.stream("GET", "/api/v1/downloads/200") as answer:
            stream = answer.aiter_raw(1000)
            await anext(stream)
            await asyncio.sleep(0.7)
            return answer.status_code

    status, risen = await peak_while(stall())

    assert status == 200
    assert risen < 25


async def test_an_answer_arrives_bit_by_bit_and_ends_with_its_reader(either):
    began = time.perf_counter()
    async with either.client.stream("GET", "/api/v1/endless") as answer:
        lines = answer.aiter_lines()
        assert await anext(lines) == "tick"
        assert time.perf_counter() - began < 5  # and not at the end, which never comes
        assert await anext(lines) == "tick"

    for _ in range(100):
        if "endless ends" in either.calls:
            break
        await asyncio.sleep(0.05)
    assert either.calls == ["endless begins", "endless ends"]


async def test_an_upload_that_is_cut_is_not_taken_for_the_whole(either):
    async def cut():
        yield bytes(MIB)
        raise ConnectionError("the client's cable")

    with pytest.raises(ConnectionError):
        await either.client.post("/api/v1/uploads", content=cut())
    await asyncio.sleep(0.5)

    assert either.calls == []
    assert (await either.client.get("/v2/health/live")).status_code == 200


async def test_an_upload_beyond_the_services_limit_is_refused_in_the_middle(either):
    answer = await either.client.post(
        "/api/v1/small-uploads", content=chunks(20), headers={"Content-Length": str(20 * MIB)}
    )

    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/too-large")


async def test_an_answer_that_breaks_off_does_not_look_whole(either):
    with pytest.raises(httpx.RemoteProtocolError):
        await either.client.get("/api/v1/breaks-off")

    assert (await either.client.get("/v2/health/live")).status_code == 200


async def test_a_neighbour_that_is_away_is_a_503_with_retry_after(start, sqlite_url):
    async with start(sqlite_url, form="distributed") as gateway:
        answers = [
            await gateway.client.get("/api/v1/things/one"),
            await gateway.client.put("/api/v1/things/one", json={}),
            await gateway.client.post("/api/v1/uploads", content=chunks(2)),
        ]

    assert [answer.status_code for answer in answers] == [503, 503, 503]
    assert all(answer.headers["retry-after"] == "1" for answer in answers)
    assert all(answer.json()["type"] == "/problems/unavailable" for answer in answers)
    assert "registry" in answers[0].json()["detail"]


async def test_a_neighbour_that_keeps_silent_is_a_504(start, sqlite_url, registry_url):
    async with start(sqlite_url, form="distributed", registry_url=registry_url, silence_seconds=0.3) as gateway:
        answer = await gateway.client.get("/api/v1/slow")

    assert (answer.status_code, answer.json()["type"]) == (504, "/problems/gateway-timeout")


async def test_a_slow_upload_is_not_silence(start, sqlite_url, registry_url):
    async def drip():
        for _ in range(4):
            yield bytes(1000)
            await asyncio.sleep(0.4)

    async with start(sqlite_url, form="distributed", registry_url=registry_url, silence_seconds=1.5) as gateway:
        answer = await gateway.client.post("/api/v1/uploads", content=drip())

    assert answer.json()["size"] == 4000


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"", 502),
        (b"not http at all\r\n\r\n", 502),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfive!", 502),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nfive!", None),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfive!\r\n", None),
    ],
)
async def test_a_neighbour_that_breaks_off_is_a_502_or_a_cut(start, sqlite_url, said, status):
    async def speak(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with start(sqlite_url, form="distributed", registry_url=url) as gateway:
        call = gateway.client.put("/api/v1/things/one", json={})
        if status is None:
            with pytest.raises(httpx.RemoteProtocolError):
                await call
        else:
            assert (await call).status_code == status
    server.close()


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_a_connection_is_tried_again_where_nothing_listens_yet(start, sqlite_url, method):
    port = free_port()
    heard: list[bytes] = []

    async def answer(reader, writer):
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
        await writer.drain()
        writer.close()

    async with start(sqlite_url, form="distributed", registry_url=f"http://127.0.0.1:{port}") as gateway:
        body = None if method == "GET" else {}
        call = asyncio.create_task(gateway.client.request(method, "/api/v1/things/one", json=body))
        await asyncio.sleep(0.03)
        server = await asyncio.start_server(answer, "127.0.0.1", port)
        assert (await call).status_code == 200
        server.close()
    assert len(heard) == 1


async def test_many_at_once_get_their_own_answers(either):
    async def ask(number: int) -> bool:
        answer = await either.client.get(f"/api/v1/things/t{number}", params={"n": number})
        return answer.json()["name"] == f"t{number}"

    assert all(await asyncio.gather(*(ask(number) for number in range(100))))


@pytest.mark.promise("R18")
@pytest.mark.parametrize("form", ["embedded", "distributed"])
async def test_one_request_too_many_is_told_to_come_back_and_others_are_not(
    start, sqlite_url, registry_url, form, figures: Figures
):
    async with start(sqlite_url, form=form, registry_url=registry_url, requests_per_service=3) as gateway:
        held = [asyncio.create_task(gateway.client.get("/api/v1/slow")) for _ in range(3)]
        await asyncio.sleep(0.5)
        began = time.monotonic()
        refused = await gateway.client.put("/api/v1/things/one", json={})
        seconds = time.monotonic() - began
        own = await gateway.client.get("/api/v1/projects")
        answers = await asyncio.gather(*held)
        after = await gateway.client.put("/api/v1/things/one", json={})

    assert (refused.status_code, refused.json()["type"]) == (503, "/problems/overloaded")
    assert (refused.headers["retry-after"], refused.headers["content-type"]) == ("1", "application/problem+json")
    assert seconds < 2  # and not after those that are held for three
    assert own.status_code == 200
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert after.status_code == 202
    figures(f"{form}: the 4th of 3 requests told to come back within {seconds * 1000:.0f} ms")
