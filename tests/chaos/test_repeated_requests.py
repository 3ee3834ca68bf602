"""Every request is sent three times at once while the gateway is killed: one effect, one answer."""

import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from harness import configs
from harness.api import Api, Json
from harness.distributed import Distributed
from harness.promises import Figures

AT_ONCE = 3
MOST_SECONDS = 2.0
KILLS, MOST_ROUNDS = 5, 100
PATHS = ("/datasets", "/pipelines")
CSV = {"Content-Type": "text/csv"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.promise("R2")
def test_a_request_sent_three_times_at_once_has_one_effect_though_the_gateway_is_killed(
    distributed: Distributed, figures: Figures
) -> None:
    told: dict[str, list[list[Json]]] = {path: [] for path in PATHS}
    with distributed.project() as api:
        with distributed.orchestrated(), killed(distributed, "gateway-api") as kills:
            while len(kills) < KILLS and len(told["/pipelines"]) < MOST_ROUNDS:
                body = {"name": f"p{len(kills)}", "config": configs.tiny()}
                told["/datasets"].append(at_once(api, "/datasets", content=configs.tiny_data(), headers=CSV))
                told["/pipelines"].append(at_once(api, "/pipelines", json=body))
        listed = {path: api.ok("GET", path, params={"limit": 200})["items"] for path in PATHS}

    assert len(kills) >= 3
    for path, answers in told.items():
        assert all(answer == each[0] for each in answers for answer in each), "replays are identical"
        assert sorted(found["id"] for found in listed[path]) == sorted(each[0]["id"] for each in answers)
    figures(
        f"{sum(map(len, told.values()))} requests, each {AT_ONCE} times at once, the gateway killed {len(kills)} "
        f"times: {sum(map(len, listed.values()))} resources, replays identical"
    )


def at_once(api: Api, path: str, **options: object) -> list[Json]:
    """Send a request several times at once under one key, each until it is answered."""
    key = f"{path}-{random.random()}"
    with ThreadPoolExecutor(AT_ONCE) as pool:
        calls = [pool.submit(api.patient, "POST", path, key=key, **options) for _ in range(AT_ONCE)]
        return [call.result() for call in calls]


@contextmanager
def killed(distributed: Distributed, name: str) -> Iterator[list[int]]:
    """Kill a role again and again, soon after it is ready, for as long as the block takes; gives who was killed."""
    pids, over, chance, role = list[int](), threading.Event(), random.Random(3), distributed.roles[name]

    def kill() -> None:
        while not over.wait(chance.uniform(MOST_SECONDS / 10, MOST_SECONDS)):
            pids.append(role.process.pid)
            role.process.kill()
            while role.process.pid == pids[-1] or not role.process.alive:
                time.sleep(0.1)
            role.wait_ready()

    thread = threading.Thread(target=kill, name="killer")
    thread.start()
    try:
        yield pids
    finally:
        over.set()
        thread.join()
