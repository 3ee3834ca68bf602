"""One name for several replicas, as compose and Kubernetes have it: every replica gets work, and none that is gone."""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from socket import AddressFamily

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from skyulf_gateway.clients.http import HttpForwarder
from skyulf_gateway.clients.neighbours import Neighbours
from skyulf_service.http.problems import ELSEWHERE
from skyulf_service.signing.keys import SigningKey
from skyulf_service.signing.tokens import InternalTokenIssuer
from skyulf_service.testing.ports import free_port

FIRST, SECOND, THIRD = "127.0.0.2", "127.0.0.3", "127.0.0.4"
RENEW = 0.02


class Names(AbstractResolver):
    """A name server: the addresses that it gives for every name can change."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: AddressFamily = AddressFamily.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=AddressFamily.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self.addresses
        ]

    async def close(self) -> None:
        return


@asynccontextmanager
async def replicas(*addresses: str, port: int) -> AsyncIterator[list[web.AppRunner]]:
    """Servers that answer with their address, until the block ends."""
    runners = [await serve(address, port) for address in addresses]
    try:
        yield runners
    finally:
        for runner in runners:
            await runner.cleanup()


async def serve(address: str, port: int, *, able: bool = True) -> web.AppRunner:
    """Start one; where it is not able, it says that another may be."""

    async def answer(_request: web.Request) -> web.Response:
        return web.json_response(address) if able else web.Response(status=503, headers={ELSEWHERE: "may"})

    app = web.Application()
    app.router.add_route("*", "/who", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, address, port).start()
    return runner


@pytest.fixture
def port() -> int:
    return free_port()


@asynccontextmanager
async def gateway(names: Names, port: int, *, renew: float = RENEW) -> AsyncIterator[Neighbours]:
    forwarder = HttpForwarder({"inference": f"http://inference-api:{port}"}, renew=renew, resolver=names)
    yield Neighbours(forwarder, InternalTokenIssuer(SigningKey.generate("gateway"), "gateway"))
    await forwarder.close()


async def ask(neighbours: Neighbours, *, times: int, pause: float = 0.0, method: str = "POST") -> Counter[object]:
    """Ask one after the other; returns how many answers each replica gave."""
    answered: Counter[object] = Counter()
    for _ in range(times):
        answer = await neighbours.call("inference", method, "/who")
        assert answer.status == 200
        answered[answer.json()] += 1
        await asyncio.sleep(pause)
    return answered


async def test_requests_one_after_another_reach_every_replica(port: int) -> None:
    async with replicas(FIRST, SECOND, port=port), gateway(Names(FIRST, SECOND), port) as neighbours:
        answered = await ask(neighbours, times=60, pause=RENEW / 2)

    assert set(answered) == {FIRST, SECOND}


async def test_a_replica_that_comes_later_gets_requests_too(port: int) -> None:
    names = Names(FIRST)
    async with replicas(FIRST, port=port), gateway(names, port) as neighbours:
        assert set(await ask(neighbours, times=5)) == {FIRST}
        async with replicas(THIRD, port=port):
            names.addresses = (FIRST, THIRD)
            await asyncio.sleep(RENEW)
            answered = await ask(neighbours, times=60, pause=RENEW / 2)

    assert set(answered) == {FIRST, THIRD}


async def test_a_replica_that_is_gone_but_still_has_its_name_costs_no_request(port: int) -> None:
    async with replicas(FIRST, SECOND, port=port) as both, gateway(Names(FIRST, SECOND), port) as neighbours:
        await ask(neighbours, times=20, pause=RENEW / 2)
        await both[1].cleanup()
        await asyncio.sleep(RENEW)
        answered = await ask(neighbours, times=40, pause=RENEW / 2)

    assert set(answered) == {FIRST}


async def test_what_a_replica_cannot_do_yet_another_does(port: int) -> None:
    async with replicas(FIRST, port=port), gateway(Names(FIRST, SECOND), port) as neighbours:
        unable = await serve(SECOND, port, able=False)
        answered = await ask(neighbours, times=60, pause=RENEW / 2)
        await unable.cleanup()

    assert set(answered) == {FIRST}


async def test_what_no_replica_can_do_is_told_after_some_attempts(port: int) -> None:
    async with gateway(Names(FIRST), port) as neighbours:
        unable = await serve(FIRST, port, able=False)
        answer = await neighbours.call("inference", "POST", "/who")
        await unable.cleanup()

    assert answer.status == 503


async def test_a_pool_that_is_renewed_closes_its_connections_after_the_last_answer(port: int) -> None:
    release = asyncio.Event()
    closed = asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await release.wait()
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"slow"')
        await reader.read()
        closed.set()
        writer.close()

    server = await asyncio.start_server(hold, FIRST, port)
    async with server, gateway(Names(FIRST), port) as neighbours:
        slow = asyncio.create_task(neighbours.call("inference", "GET", "/who"))
        await asyncio.sleep(RENEW * 2)
        other = asyncio.create_task(neighbours.call("inference", "GET", "/who"))
        await asyncio.sleep(RENEW)
        assert not slow.done()
        release.set()

        assert (await slow).json() == "slow"
        assert (await other).json() == "slow"
        await asyncio.wait_for(closed.wait(), 5)
