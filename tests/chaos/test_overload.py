"""Ten times as many clients as are served at a time: the rest are sent away, and all is well soon afterwards."""

import asyncio
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import aiohttp
import psutil
import pytest
from harness import constants
from harness.api import Api
from harness.distributed import Distributed
from harness.promises import Figures

CAPACITY = 32
TIMES = 10
WARM_SECONDS = 3
SAMPLE_SECONDS = 0.1
MOST_GROWTH = 1.2
RECOVERED_SECONDS = 10.0
SHED = {429, 503}
ANSWERING = ("gateway-api", "inference-api", "inference-api-2")


@dataclass
class Load:
    """What clients that ask again and again were told."""

    url: str
    key: str
    told: Counter[int] = field(default_factory=Counter)
    without_retry_after: int = 0
    wrong: list[object] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    async def run(self, clients: int, seconds: float) -> None:
        """Ask with so many clients for so long."""
        ends = time.monotonic() + seconds
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {self.key}"}, connector=connector) as http:
            await asyncio.gather(*(self._client(http, ends) for _ in range(clients)))

    async def _client(self, http: aiohttp.ClientSession, ends: float) -> None:
        while time.monotonic() < ends:
            began = time.perf_counter()
            async with http.post(self.url, json={"rows": constants.ROWS}) as answer:
                body = await answer.json(content_type=None)
            self.told[answer.status] += 1
            if answer.status == 200:
                self.seconds.append(time.perf_counter() - began)
                if body["predictions"] != constants.ANSWERS[body["model_version"]]:
                    self.wrong.append(body)
            else:
                self.without_retry_after += "Retry-After" not in answer.headers
                await asyncio.sleep(0.2)  # a polite client would wait longer


@pytest.mark.promise("R18")
@pytest.mark.parametrize("seconds", [6, pytest.param(60, marks=pytest.mark.slow)])
def test_ten_times_the_capacity_is_shed_and_recovered_from(
    distributed: Distributed, seconds: int, figures: Figures
) -> None:
    with distributed.project() as api, narrow(distributed):
        constants.opposites(api, "many")
        assert api.deploy("many", "many", 1)["status"] == "ready"
        url = f"{distributed.url}/api/v1/deployments/many/predict"
        asyncio.run(Load(url, api.key).run(CAPACITY, WARM_SECONDS))
        before = memory(distributed)

        load = Load(url, api.key)
        with most_memory(distributed) as most:
            asyncio.run(load.run(CAPACITY * TIMES, seconds))
        growth = {name: round(used / before[name], 2) for name, used in most.items()}
        recovered = until_calm(api)

    shed = sum(load.told[status] for status in SHED)
    assert set(load.told) == {200, 503}, load.told
    assert load.told[200] > shed / 100, load.told
    assert (load.without_retry_after, load.wrong) == (0, [])
    assert max(growth.values()) <= MOST_GROWTH, growth
    assert recovered <= RECOVERED_SECONDS
    p99 = statistics.quantiles(load.seconds, n=100)[98]
    figures(
        f"{CAPACITY * TIMES} clients for {seconds} s: {load.told[200]} answered (p99 {p99 * 1000:.0f} ms), {shed} told "
        f"to come back, at most {max(growth.values())} times the memory, calm {recovered:.1f} s after"
    )


@contextmanager
def narrow(distributed: Distributed) -> Iterator[None]:
    """Let the gateway hand on few requests at a time, so that few clients are ten times as many."""
    gateway = distributed.roles["gateway-api"]
    try:
        with distributed.without("gateway-api"):
            gateway.process.env["SKYULF_GATEWAY_REQUESTS_PER_SERVICE"] = str(CAPACITY)
        yield
    finally:
        with distributed.without("gateway-api"):
            gateway.process.env.pop("SKYULF_GATEWAY_REQUESTS_PER_SERVICE", None)


def memory(distributed: Distributed) -> dict[str, int]:
    """The memory of the processes that answer, in bytes."""
    return {name: psutil.Process(distributed.roles[name].process.pid).memory_info().rss for name in ANSWERING}


@contextmanager
def most_memory(distributed: Distributed) -> Iterator[dict[str, int]]:
    """The most memory that each of them holds while the block lasts, in bytes."""
    over, most, failures = threading.Event(), memory(distributed), list[BaseException]()

    def look() -> None:
        try:
            while not over.wait(SAMPLE_SECONDS):
                most.update({name: max(used, most[name]) for name, used in memory(distributed).items()})
        except BaseException as error:  # shown by whoever waits for the end: a process may have ended
            failures.append(error)

    thread = threading.Thread(target=look, name="memory")
    thread.start()
    try:
        yield most
    finally:
        over.set()
        thread.join()
    if failures:
        raise failures[0]


def until_calm(api: Api) -> float:
    """Return after how many seconds 50 predictions in a row are answered, each within a tenth of a second."""
    began, calm = time.monotonic(), 0
    while calm < 50 and time.monotonic() - began < 60:
        asked = time.monotonic()
        answer = api.call("POST", "/deployments/many/predict", json={"rows": constants.ROWS})
        calm = calm + 1 if answer.status_code == 200 and time.monotonic() - asked < 0.1 else 0
    return time.monotonic() - began
