"""Versions are swapped under load: nobody notices, and no answer is another version's."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from harness import constants
from harness.api import Api
from harness.distributed import Distributed

CLIENTS = 4
AFTERWARDS = 8
MODEL = "opposites"


@pytest.mark.parametrize("swaps", [10, pytest.param(50, marks=pytest.mark.slow)])
def test_swaps_under_load_lose_and_mix_nothing(distributed: Distributed, swaps: int) -> None:
    with distributed.project() as api:
        constants.opposites(api, MODEL)
        assert api.deploy("live", MODEL, 1)["replicas"] == 2

        with load(api) as counts:
            for swap in range(swaps):
                wanted = 2 - swap % 2
                assert api.deploy("live", MODEL, wanted)["status"] == "ready"
                # ready means that both replicas have it
                answered = {constants.check(api.predict("live", constants.ROWS)) for _ in range(AFTERWARDS)}
                assert answered == {wanted}

    for count in counts:
        made = count.result()
        assert min(made[1], made[2]) > 0, made


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
