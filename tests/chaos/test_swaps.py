"""Versions are swapped under load: nobody notices, and no answer is another version's."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from harness import constants
from harness.api import Api, Json
from harness.distributed import Distributed
from harness.promises import Figures

CLIENTS = 4
AFTERWARDS = 8
MODEL = "opposites"


@pytest.mark.promise("R12")
@pytest.mark.parametrize("swaps", [10, pytest.param(100, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
def test_swaps_under_load_lose_and_mix_nothing(distributed: Distributed, swaps: int, figures: Figures) -> None:
    with distributed.project() as api:
        constants.opposites(api, MODEL)
        assert api.deploy("live", MODEL, 1)["replicas"] == 2

        with load(api) as counts:
            for swap in range(swaps):
                wanted = 2 - swap % 2
                assert swapped(api, wanted, back=swap % 4 == 3)["status"] == "ready"
                # ready means that both replicas have it
                answered = {constants.check(api.predict("live", constants.ROWS)) for _ in range(AFTERWARDS)}
                assert answered == {wanted}

    made = [count.result() for count in counts]
    assert all(min(each[1], each[2]) > 0 for each in made), made
    figures(f"{swaps} swaps, {sum(sum(each.values()) for each in made)} answers, 0 failed, 0 of another version")


def swapped(api: Api, version: int, *, back: bool) -> Json:
    """Deploy a version, or roll back to it where it was the one before."""
    if not back:
        return api.deploy("live", MODEL, version)
    wanted = api.ok("POST", "/deployments/live/rollback")
    assert wanted["version"] == version
    return api.deployment("live", revision=wanted["revision"])


@contextmanager
def load(api: Api) -> Iterator[list["Future[dict[int, int]]"]]:
    """Predict from several clients for as long as the block takes; yields what each counts of each version."""
    over = threading.Event()
    with ThreadPoolExecutor(CLIENTS) as pool:
        try:
            yield [pool.submit(ask, api, over) for _ in range(CLIENTS)]
        finally:
            over.set()


def ask(api: Api, over: threading.Event) -> dict[int, int]:
    """Predict with connections of its own until it is over; every answer must be right."""
    counted = {1: 0, 2: 0}
    with api.with_headers() as client:
        while not over.is_set():
            counted[constants.check(client.predict("live", constants.ROWS))] += 1
    return counted
