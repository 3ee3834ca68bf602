"""Supervisors are killed and frozen for real: nothing is lost, nothing happens twice, nothing is left."""

import asyncio
import os
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from harness.promises import Figures
from skyulf_service.errors import UnavailableError
from skyulf_service.testing.handles import PostgresServer
from skyulf_service.work.expiry import requeue_expired
from skyulf_service.work.queue import WorkQueue
from sqlalchemy import select
from work_support import HERE, Handler, Job, Store, gone, jobs, lives, pids_noted

LEASE = 2.5  # long enough for a machine that stalls for a second
KILLS, JOBS = 3, 4
# Only there can a frozen process have a successor: a SQLite file's one writer may be frozen with the lock in its hands,
# which is why the embedded form is one process.
FROZEN = [pytest.param("postgresql", marks=pytest.mark.postgres)]


@asynccontextmanager
async def supervisor_process(
    store: Store, scratch: Path, *, lease: float = LEASE
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(HERE / "work_process.py"), store.database.url, str(scratch), str(lease)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def sweep_until(store: Store, queue: WorkQueue, handler: Handler, job: Job, attempt: int) -> float:
    """Sweep as a worker does, until the row's attempt is reached; return the seconds that took."""
    start = time.monotonic()
    async with asyncio.timeout(LEASE + 8):
        while (await store.get(job.id)).attempt < attempt:
            await requeue_expired(queue, handler)
            await asyncio.sleep(0.2)
    return time.monotonic() - start


async def until(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    return condition()


async def freeze(store: Store, process: asyncio.subprocess.Process) -> None:
    """Stop a process where others can still write: it would keep its rows, and within a transaction all of SQLite."""
    while True:
        os.kill(process.pid, signal.SIGSTOP)
        with suppress(UnavailableError):
            async with store.database.begin() as connection:
                await connection.execute(select(jobs.c.id).with_for_update(nowait=True))
                return
        os.kill(process.pid, signal.SIGCONT)
        await asyncio.sleep(0.01)


def all_children(process: asyncio.subprocess.Process) -> list[int]:
    return [child.pid for child in psutil.Process(process.pid).children(recursive=True)]


@pytest.mark.parametrize("company", ["fork", "joblib", "hold the interpreter"])
async def test_a_killed_supervisor_leaves_no_process_and_loses_no_work(
    store: Store, queue: WorkQueue, handler: Handler, company: str
) -> None:
    job = await store.submit(spec={"function": "nap", "company": company, "seconds": 3})
    async with supervisor_process(store, handler.scratch) as victim:
        pids = await pids_noted(handler.scratch / f"{job.id}-1" / "note")
        pids = sorted({*pids, *all_children(victim)})
        assert all(lives(pid) for pid in pids)

        victim.kill()

        assert gone(pids), [pid for pid in pids if lives(pid)]

    async with supervisor_process(store, handler.scratch):
        assert await sweep_until(store, queue, handler, job, 2) <= LEASE + 5
        ended = await store.until(job.id, "succeeded", "failed")

    assert (ended.status, ended.attempt) == ("succeeded", 2)
    assert await store.effects() == [(job.id, "succeeded")]


@pytest.mark.promise("R9")
async def test_a_frozen_supervisor_cannot_write_when_it_wakes(
    store: Store, queue: WorkQueue, handler: Handler, figures: Figures
) -> None:
    job = await store.submit(spec={"function": "nap", "seconds": 2, "company": "fork"})
    async with supervisor_process(store, handler.scratch) as zombie:
        pids = await pids_noted(handler.scratch / f"{job.id}-1" / "note")
        await freeze(store, zombie)  # its child goes on, and will have ended when it wakes
        async with supervisor_process(store, handler.scratch):
            taken = await sweep_until(store, queue, handler, job, 2)
            assert taken <= LEASE + 5
            await asyncio.sleep(LEASE * 2)
            os.kill(zombie.pid, signal.SIGCONT)
            ended = await store.until(job.id, "succeeded", "failed")
            await asyncio.sleep(1)

        assert zombie.returncode is None
        assert gone(pids)

    assert (ended.status, ended.attempt) == ("succeeded", 2)
    assert await store.effects() == [(job.id, "succeeded")]
    figures(f"a supervisor frozen under a lease of {LEASE} s: taken over after {taken:.1f} s, 1 effect")


@pytest.mark.promise("R9")
@pytest.mark.parametrize("database_url", FROZEN, indirect=True)
async def test_the_late_commit_of_a_frozen_supervisor_is_refused(
    store: Store, queue: WorkQueue, handler: Handler, figures: Figures
) -> None:
    job = await store.submit(spec={"function": "nap", "seconds": 0, "freeze": "before the commit"})
    async with supervisor_process(store, handler.scratch) as zombie:
        await pids_noted(handler.scratch / f"{job.id}-1" / "note")
        async with supervisor_process(store, handler.scratch):
            await sweep_until(store, queue, handler, job, 2)
            ended = await store.until(job.id, "succeeded", "failed")
            os.kill(zombie.pid, signal.SIGCONT)
            assert await until(lambda: (handler.scratch / "refused-1").exists())

    assert (ended.status, ended.attempt) == ("succeeded", 2)
    assert await store.effects() == [(job.id, "succeeded")]
    figures("1 late commit: refused, 1 effect")


@pytest.mark.parametrize("database_url", FROZEN, indirect=True)
async def test_a_supervisor_frozen_under_its_fence_does_not_keep_the_row(
    store: Store, queue: WorkQueue, handler: Handler
) -> None:
    job = await store.submit(spec={"freeze": "under the fence"})
    async with supervisor_process(store, handler.scratch) as zombie:
        assert await until(lambda: psutil.Process(zombie.pid).status() == psutil.STATUS_STOPPED, 20)
        async with supervisor_process(store, handler.scratch):
            await sweep_until(store, queue, handler, job, 2)
            ended = await store.until(job.id, "succeeded", "failed")
            os.kill(zombie.pid, signal.SIGCONT)
            await asyncio.sleep(1)
        assert zombie.returncode is None

    assert (ended.status, ended.attempt) == ("succeeded", 2)
    assert await store.effects() == [(job.id, "succeeded")]


async def test_sigterm_gives_the_work_to_the_next(store: Store, queue: WorkQueue, handler: Handler) -> None:
    job = await store.submit(spec={"function": "nap", "seconds": 3})
    async with supervisor_process(store, handler.scratch) as first:
        pids = await pids_noted(handler.scratch / f"{job.id}-1" / "note")
        first.terminate()
        assert await asyncio.wait_for(first.wait(), 5) == 0
        assert gone(pids)
        assert (await store.get(job.id)).attempt == 0

    async with supervisor_process(store, handler.scratch):
        ended = await store.until(job.id, "succeeded", "failed")

    assert (ended.status, ended.attempt) == ("succeeded", 1)


@pytest.mark.promise("R1")
async def test_random_kills_lose_nothing_and_repeat_nothing(
    store: Store, queue: WorkQueue, handler: Handler, figures: Figures
) -> None:
    submitted = list[Job]()
    sweeping = asyncio.create_task(_sweep_forever(queue, handler))

    for _ in range(KILLS):
        async with supervisor_process(store, handler.scratch), supervisor_process(store, handler.scratch) as victim:
            nap = {"function": "nap", "seconds": 0.5}
            submitted += [await store.submit(spec=nap, max_attempts=50) for _ in range(JOBS)]
            await at_work(store, victim)
            await asyncio.sleep(random.uniform(0, 0.4))
            victim.kill()
    async with supervisor_process(store, handler.scratch):
        for job in submitted:
            await store.until(job.id, "succeeded", seconds=60)
    sweeping.cancel()

    effects = await store.effects()
    assert sorted(effects) == sorted((job.id, "succeeded") for job in submitted)
    interrupted = sum([(await store.get(job.id)).attempt for job in submitted]) - len(submitted)
    assert interrupted > 0, "nobody was killed at work"
    figures(
        f"{len(submitted)} pieces of work, {KILLS} supervisors killed under {interrupted} of them: {len(effects)} "
        "effects, none twice"
    )


async def at_work(store: Store, process: asyncio.subprocess.Process) -> None:
    """Wait until a supervisor holds a row."""
    owned = select(jobs.c.id).where(jobs.c.status == "running", jobs.c.lease_owner.contains(f"-{process.pid}-"))
    async with asyncio.timeout(10):
        while True:
            async with store.database.read() as connection:
                if (await connection.execute(owned)).first() is not None:
                    return
            await asyncio.sleep(0.01)


async def _sweep_forever(queue: WorkQueue, handler: Handler) -> None:
    while True:
        await requeue_expired(queue, handler)
        await asyncio.sleep(0.3)


async def sweep_until_queued(store: Store, queue: WorkQueue, handler: Handler, job: Job) -> float:
    """Sweep as a worker does, until the row is queued; return the moment."""
    async with asyncio.timeout(5):
        while (await store.get(job.id)).status != "queued":
            await requeue_expired(queue, handler)
            await asyncio.sleep(0.05)
    return time.monotonic()


async def test_a_takeover_waits_for_the_lease(store: Store, queue: WorkQueue, handler: Handler) -> None:
    job = await store.submit()
    before = time.monotonic()  # the lease begins at some moment of the claim, which may take its time
    await queue.claim("a", lease=timedelta(seconds=1))

    assert await sweep_until_queued(store, queue, handler, job) - before > 0.9


@pytest.mark.promise("R5")
@pytest.mark.postgres
@pytest.mark.parametrize("seconds", [12, 3])
async def test_a_restart_of_the_database_is_survived(
    postgres_server: PostgresServer, postgres_url: str, tmp_path: Path, seconds: float, figures: Figures
) -> None:
    store = await Store.create(postgres_url)
    job = await store.submit(spec={"function": "nap", "seconds": seconds})
    async with supervisor_process(store, tmp_path, lease=20) as process:
        await pids_noted(tmp_path / f"{job.id}-1" / "note")
        await asyncio.to_thread(postgres_server.kill)
        await asyncio.sleep(1.5 if seconds == 12 else seconds + 1)
        await asyncio.to_thread(postgres_server.start)
        ended = await store.until(job.id, "succeeded", "failed", seconds=30)
        assert process.returncode is None

    # what ended while the database was away is worked on again; what did not goes on
    assert (ended.status, ended.attempt) == ("succeeded", 1 if seconds == 12 else 2), ended.error_message
    assert await store.effects() == [(job.id, "succeeded")]
    await store.database.close()
    figures(f"killed under work of {seconds} s: done in attempt {ended.attempt}, 1 effect")
