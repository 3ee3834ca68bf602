"""Gateway and neighbour as processes of their own: what only real processes can show."""

import asyncio
import json
import sqlite3
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest
from skyulf_service.testing.ports import free_port
from skyulf_service.testing.processes import ServiceProcess

MIB = 2**20
HERE = Path(__file__).parent


@dataclass
class Two:
    """A gateway in front of a neighbour."""

    gateway: ServiceProcess
    neighbour: ServiceProcess
    url: str
    home: Path

    def client(self) -> httpx.AsyncClient:
        key = json.loads((self.home / "credentials.json").read_text())["api_key"]
        return httpx.AsyncClient(base_url=self.url, headers={"Authorization": f"Bearer {key}"}, timeout=30)


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    home, door, behind = tmp_path / "home", free_port(), free_port()
    home.mkdir()
    program = [sys.executable, str(HERE / "neighbour_program.py"), str(behind), str(home / "keys")]
    front = [sys.executable, str(HERE / "gateway_program.py"), str(home), str(door), f"http://127.0.0.1:{behind}"]
    with (
        ServiceProcess(program, name="neighbour", folder=tmp_path) as neighbour,
        ServiceProcess(front, name="gateway", folder=tmp_path) as gateway,
    ):
        neighbour.wait_ready(f"http://127.0.0.1:{behind}/livez")
        gateway.wait_ready(f"http://127.0.0.1:{door}/readyz")
        while not (home / "credentials.json").exists():
            time.sleep(0.02)
        yield Two(gateway, neighbour, f"http://127.0.0.1:{door}", home)


async def test_memory_stays_flat_while_large_bodies_pass(two):
    async def chunks():
        for _ in range(100):
            yield bytes(MIB)

    async with two.client() as client:
        await client.get("/api/v1/things/one")
        before = psutil.Process(two.gateway.pid).memory_info().rss

        sent = await client.post("/api/v1/uploads", content=chunks())
        async with client.stream("GET", "/api/v1/downloads/100") as answer:
            got = sum([len(chunk) async for chunk in answer.aiter_raw()])

        risen = psutil.Process(two.gateway.pid).memory_info().rss - before
    assert (sent.json()["size"], got) == (100 * MIB, 100 * MIB)
    assert risen < 20 * MIB


async def test_an_upload_that_is_too_large_gets_its_answer_every_time(two):
    async def chunks():
        for _ in range(8):
            yield bytes(MIB)

    async with two.client() as client:
        answers = [await client.post("/api/v1/small-uploads", content=chunks()) for _ in range(10)]

    assert {answer.status_code for answer in answers} == {413}


async def test_a_neighbour_that_is_killed_and_comes_back(two):
    async with two.client() as client:
        assert (await client.get("/api/v1/things/one")).status_code == 200
        reading = asyncio.create_task(client.get("/api/v1/endless"))
        await asyncio.sleep(0.3)

        two.neighbour.kill()
        with pytest.raises(httpx.RemoteProtocolError):
            await reading
        away = [await client.get("/api/v1/things/one"), await client.put("/api/v1/things/one", json={})]
        two.neighbour.start()
        two.neighbour.wait_ready(f"http://127.0.0.1:{two.neighbour.command[2]}/livez")
        back = [await client.put("/api/v1/things/one", json={}) for _ in range(3)]

    assert {answer.status_code for answer in away} <= {502, 503}
    assert away[0].status_code == 503
    assert [answer.status_code for answer in back] == [202, 202, 202]


async def test_idle_connections_do_not_cost_a_request(two):
    async with two.client() as client:
        await client.put("/api/v1/things/one", json={})
        await asyncio.sleep(5.2)  # uvicorn closes what was idle for five seconds

        answers = await asyncio.gather(*(client.put("/api/v1/things/one", json={}) for _ in range(5)))

    assert [answer.status_code for answer in answers] == [202] * 5


async def test_a_stop_ends_streams_and_writes_the_audit(two):
    async with two.client() as client:
        stream = asyncio.create_task(client.get("/api/v1/events"))
        await asyncio.gather(*(client.put(f"/api/v1/things/t{number}", json={}) for number in range(30)))

        began = time.perf_counter()
        status = await asyncio.to_thread(two.gateway.terminate)
        took = time.perf_counter() - began
        await stream

    with sqlite3.connect(two.home / "db" / "gateway.sqlite3") as database:
        written = database.execute("SELECT count(*) FROM audit_log WHERE operation = 'registry_write_thing'").fetchone()
    assert (status, written) == (0, (30,))
    assert took < 4


async def test_a_client_that_leaves_ends_the_stream_behind(two):
    async with two.client() as client:
        async with client.stream("GET", "/api/v1/endless") as answer:
            async for _ in answer.aiter_lines():
                break
        for _ in range(60):
            await asyncio.sleep(0.05)
            connections = psutil.Process(two.neighbour.pid).net_connections("tcp")
            open_ones = [each for each in connections if each.status == psutil.CONN_ESTABLISHED]
            if not open_ones:
                break

    assert open_ones == []
