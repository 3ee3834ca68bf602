"""Checks of configurations have threads of their own: few at a time, and none waits for long."""

import asyncio
import threading
from collections.abc import Iterator

import httpx
import pytest
from pipeline_street import Street, penguins_config
from skyulf_pipeline.api.dependencies import CHECKS
from skyulf_pipeline.domain.errors import ChecksBusyError
from skyulf_pipeline.service.checks import Checks


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What work waits for; opened in the end, so that no thread is left."""
    found = threading.Event()
    yield found
    found.set()


async def begun(checks: Checks, gate: threading.Event, count: int) -> list[asyncio.Task[bool]]:
    """Begin work that ends when the gate is opened."""
    tasks = [asyncio.create_task(checks.run(gate.wait)) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


async def test_work_runs_in_its_own_threads_and_what_it_raises_is_raised() -> None:
    checks = Checks()

    assert (await checks.run(lambda: threading.current_thread().name)).startswith("check")
    with pytest.raises(ZeroDivisionError):
        await checks.run(lambda: 1 // 0)


async def test_so_many_run_at_a_time_and_the_next_one_has_the_first_place(gate: threading.Event) -> None:
    checks = Checks(at_once=2, wait=30)
    running = await begun(checks, gate, 2)
    order: list[int] = []
    later = [asyncio.create_task(checks.run(lambda n=n: order.append(n))) for n in range(3)]  # type: ignore[misc]
    await asyncio.sleep(0.05)
    assert order == []

    gate.set()
    await asyncio.gather(*running, *later)

    assert sorted(order) == [0, 1, 2]


async def test_who_would_wait_for_long_is_told_to_come_back(gate: threading.Event) -> None:
    checks = Checks(at_once=1, most_waiting=1, wait=0.05)
    running = await begun(checks, gate, 1)
    waiting = await begun(checks, gate, 1)

    with pytest.raises(ChecksBusyError) as refused:  # no room to wait in
        await checks.run(gate.wait)
    with pytest.raises(ChecksBusyError):  # waited too long
        await waiting[0]

    assert (refused.value.status, refused.value.code) == (503, "checks-busy")
    assert refused.value.retry_after
    gate.set()
    assert await running[0]
    assert await checks.run(gate.wait)


async def test_work_whose_client_has_left_keeps_its_place_until_it_ends(gate: threading.Event) -> None:
    checks = Checks(at_once=1, wait=0.05)
    (left,) = await begun(checks, gate, 1)
    left.cancel()
    await asyncio.wait([left])

    with pytest.raises(ChecksBusyError):
        await checks.run(gate.wait)
    gate.set()
    while True:
        try:
            assert await checks.run(gate.wait)
            return
        except ChecksBusyError:
            continue


async def test_who_leaves_while_waiting_takes_no_place(gate: threading.Event) -> None:
    checks = Checks(at_once=1, most_waiting=1, wait=30)
    running = await begun(checks, gate, 1)
    (left,) = await begun(checks, gate, 1)
    left.cancel()
    await asyncio.wait([left])
    (waiting,) = await begun(checks, gate, 1)

    gate.set()

    assert await asyncio.gather(*running, waiting) == [True, True]


async def test_a_busy_replica_answers_503_and_leaves_the_threads_of_others_free(
    lane: Street, gate: threading.Event
) -> None:
    checks = Checks(at_once=2, wait=0.05)
    lane.parts.extras[CHECKS] = checks
    running = await begun(checks, gate, 2)

    answer: httpx.Response = await lane.caller().post("/api/v1/pipelines/validate", json={"config": penguins_config()})

    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/checks-busy")
    assert int(answer.headers["Retry-After"]) >= 1
    assert await asyncio.wait_for(asyncio.to_thread(lambda: True), 5)
    gate.set()
    await asyncio.gather(*running)
    assert (
        await lane.caller().post("/api/v1/pipelines/validate", json={"config": penguins_config()})
    ).status_code == 200


async def test_a_thousand_choices_are_the_most_that_are_checked(lane: Street) -> None:
    config = {**penguins_config(), "tuning": {"search_space": {"max_iter": list(range(1, 30_000))}}}

    answer = await asyncio.wait_for(lane.caller().post("/api/v1/pipelines/validate", json={"config": config}), 30)

    assert [(each["pointer"], each["code"]) for each in answer.json()["problems"]] == [
        ("/config/tuning/search_space/max_iter/choices", "too-many")
    ]
    assert "29,999" in answer.json()["problems"][0]["message"]
