"""Supervisors claim, keep, stop and end work."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from harness.promises import Figures
from skyulf_service.errors import InvalidInputError, StorageFullError, UnavailableError
from skyulf_service.ids import utc_now
from skyulf_service.supervision import SupervisedTasks
from skyulf_service.work.calls import ChildRunner, Progress
from skyulf_service.work.claims import Claim
from skyulf_service.work.queue import WorkQueue
from skyulf_service.work.slots import ChildSlots
from skyulf_service.work.supervisor import Supervisor, WorkHandler
from work_support import Handler, Job, Store, gone, jobs, pids_noted


@asynccontextmanager
async def supervising(
    queue: WorkQueue, slots: ChildSlots, handler: WorkHandler, *, seconds: float = 15.0, grace: float = 10.0
) -> AsyncIterator[Supervisor]:
    lease = timedelta(seconds=seconds)
    supervisor = Supervisor(queue, slots, handler, lease=lease, concurrency=2, grace=grace)
    task = asyncio.create_task(supervisor.run())
    try:
        yield supervisor
    finally:
        supervisor.stop()
        await task


class Raising(Handler):
    """A handler whose work raises."""

    error: Callable[[], BaseException]

    async def run(self, claim: Claim, child: ChildRunner, progress: Progress) -> None:
        raise self.error()


async def test_work_in_a_child_succeeds(store: Store, queue: WorkQueue, slots: ChildSlots, handler: Handler) -> None:
    async with supervising(queue, slots, handler):
        job = await store.submit(spec={"function": "echo"})
        ended = await store.until(job.id, "succeeded", "failed")

    assert (ended.status, ended.attempt, ended.progress) == ("succeeded", 1, 1.0)
    assert await store.effects() == [(job.id, "succeeded")]


async def test_work_is_found_without_being_woken(
    store: Store, queue: WorkQueue, slots: ChildSlots, handler: Handler
) -> None:
    async with supervising(queue, slots, handler):
        jobs = [await store.submit() for _ in range(10)]

        assert [(await store.until(job.id, "succeeded", "failed")).status for job in jobs] == ["succeeded"] * 10


async def test_two_supervisors_run_each_row_once(
    store: Store, queue: WorkQueue, slots: ChildSlots, handler: Handler
) -> None:
    handler.pause = 0.01
    submitted = [await store.submit() for _ in range(40)]

    async with supervising(queue, slots, handler), supervising(queue, slots, handler):
        for job in submitted:
            await store.until(job.id, "succeeded")

    assert Counter(await store.effects()) == {(job.id, "succeeded"): 1 for job in submitted}
    assert {job.attempt for job in await store.all()} == {1}


async def test_progress_is_kept_in_the_row_and_told(
    store: Store, queue: WorkQueue, slots: ChildSlots, handler: Handler
) -> None:
    told: list[tuple[float, str]] = []

    async def tell(claim: Claim, fraction: float, step: str) -> None:
        told.append((fraction, step))

    supervisor = Supervisor(queue, slots, handler, lease=timedelta(seconds=5), on_progress=tell)
    task = asyncio.create_task(supervisor.run())
    job = await store.submit(spec={"function": "nap", "seconds": 3})
    kept = await store.when(job.id, lambda job: job.step == "napping", seconds=30)
    await store.until(job.id, "succeeded")
    supervisor.stop()
    await task

    assert kept.progress == 0.1
    assert told[0] == (0.1, "napping")


@pytest.mark.parametrize("company", ["none", "fork"])
async def test_a_cancel_ends_everything(
    store: Store, queue: WorkQueue, slots: ChildSlots, handler: Handler, company: str
) -> None:
    async with supervising(queue, slots, handler):
        job = await store.submit(spec={"function": "nap", "company": company})
        pids = await pids_noted(handler.scratch / f"{job.id}-1" / "note")

        start = time.monotonic()
        await store.change(job.id, Job.request_cancel)
        ended = await store.until(job.id, "cancelled", "failed", "succeeded")

        assert time.monotonic() - start < 5
        assert ended.status == "cancelled"
        assert gone(pids, 0.5)
    assert await store.effects() == [(job.id, "cancelled")]


async def test_waking_makes_a_cancel_immediate(
    store: Store, queue: WorkQueue, slots: ChildSlots, handler: Handler
) -> None:
    waits = []
    async with supervising(queue, slots, handler) as supervisor:
        for _ in range(4):
            job = await store.submit(spec={"function": "nap"})
            await pids_noted(handler.scratch / f"{job.id}-1" / "note")
            start = time.monotonic()
            await store.change(job.id, Job.request_cancel)
            supervisor.wake()
            await store.until(job.id, "cancelled")
            waits.append(time.monotonic() - start)

    assert min(waits) < 0.5  # without being woken it would take half a second on average


async def test_a_cancel_wins_over_a_success_that_comes_later(
    store: Store, queue: WorkQueue, slots: ChildSlots, handler: Handler
) -> None:
    handler.may_commit.clear()  # the work is done, its commit is not
    async with supervising(queue, slots, handler):
        job = await store.submit()
        await store.until(job.id, "running")
        await store.change(job.id, Job.request_cancel)
        handler.may_commit.set()
        ended = await store.until(job.id, "cancelled", "failed", "succeeded")

    assert ended.status == "cancelled"
    assert await store.effects() == [(job.id, "cancelled")]


@pytest.mark.promise("R10")
async def test_memory_exhaustion_and_crashes_stay_with_their_job(
    store: Store, queue: WorkQueue, slots: ChildSlots, handler: Handler, figures: Figures
) -> None:
    specs = {
        "greedy": {"function": "devour", "mib": 600, "memory_limit": 150 << 20},
        "crashing": {"function": "crash", "signal": "SIGSEGV"},
        "modest": {"function": "devour", "mib": 20, "seconds": 1, "memory_limit": 150 << 20},
        "patient": {"function": "nap", "seconds": 1},
    }
    async with supervising(queue, slots, handler):
        made = {name: (await store.submit(spec=spec)).id for name, spec in specs.items()}
        ended = {name: await store.until(id, "succeeded", "failed") for name, id in made.items()}

    outcomes = {name: job.error_code or job.status.value for name, job in ended.items()}
    assert outcomes == {"greedy": "out_of_memory", "crashing": "crashed", "modest": "succeeded", "patient": "succeeded"}
    assert ended["crashing"].error_message == "The work crashed by SIGSEGV."
    figures("4 jobs beside each other: 1 out of memory, 1 crashed, 2 succeeded")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (lambda: RuntimeError("a secret detail"), "failed"),
        (lambda: InvalidInputError("The target has one class only."), "invalid-input"),
    ],
)
async def test_errors_of_a_handler_become_the_rows_reason(
    store: Store, queue: WorkQueue, slots: ChildSlots, handler: Handler, error: Callable[[], BaseException], code: str
) -> None:
    raising = Raising(store, handler.scratch)
    raising.error = error
    async with supervising(queue, slots, raising):
        job = await store.submit()
        ended = await store.until(job.id, "failed")

    assert ended.error_code == code
    assert "secret" not in str(ended.error_message)


@pytest.mark.parametrize("error", [UnavailableError, StorageFullError])
async def test_what_is_away_or_full_for_a_moment_is_tried_again(
    store: Store, queue: WorkQueue, slots: ChildSlots, handler: Handler, error: type[UnavailableError]
) -> None:
    raising = Raising(store, handler.scratch)
    raising.error = lambda: error("The object store does not take it.")
    async with supervising(queue, slots, raising):
        job = await store.submit(max_attempts=2)
        waiting = await store.when(job.id, lambda job: job.error_code is not None)
        assert (waiting.status, waiting.attempt) == ("queued", 1)
        assert waiting.run_after > utc_now()
        ended = await store.until(job.id, "failed")

    assert (ended.error_code, ended.attempt) == (error.code, 2)


async def test_a_handler_that_ends_nothing_is_found_out(
    store: Store, queue: WorkQueue, slots: ChildSlots, handler: Handler
) -> None:
    class Forgetful(Handler):
        async def run(self, claim: Claim, child: ChildRunner, progress: Progress) -> None:
            return

    async with supervising(queue, slots, Forgetful(store, handler.scratch)):
        job = await store.submit()
        ended = await store.until(job.id, "failed")

    assert ended.error_message == "The work ended without a result."


@pytest.mark.parametrize("error", [UnavailableError, StorageFullError])
async def test_an_end_that_fails_for_a_moment_is_tried_again(
    store: Store, queue: WorkQueue, slots: ChildSlots, handler: Handler, error: type[UnavailableError]
) -> None:
    class Shaky(Raising):
        refusals = 2

        async def failed(self, claim: Claim, code: str, message: str) -> None:
            if self.refusals:
                self.refusals -= 1
                raise error("The database does not take it.")
            await super().failed(claim, code, message)

    shaky = Shaky(store, handler.scratch)
    shaky.error = lambda: RuntimeError()
    async with supervising(queue, slots, shaky):
        job = await store.submit()
        await store.until(job.id, "failed")

    assert await store.effects() == [(job.id, "failed failed")]


async def test_draining_lets_short_work_end_and_gives_long_work_back(
    store: Store, queue: WorkQueue, slots: ChildSlots, handler: Handler
) -> None:
    async with supervising(queue, slots, handler, grace=1.5):
        short = await store.submit(spec={"function": "nap", "seconds": 1})
        long = await store.submit(spec={"function": "nap"})
        for job in (short, long):
            pids = await pids_noted(handler.scratch / f"{job.id}-1" / "note")
    unclaimed = await store.submit()

    assert (await store.get(short.id)).status == "succeeded"
    given_back = await store.get(long.id)
    assert (given_back.status, given_back.attempt, given_back.lease_owner) == ("queued", 0, None)
    assert (await store.get(unclaimed.id)).status == "queued"
    assert gone(pids)


async def test_the_task_of_a_role_drains_when_it_is_cancelled(
    store: Store, queue: WorkQueue, slots: ChildSlots, handler: Handler
) -> None:
    supervisor = Supervisor(queue, slots, handler, lease=timedelta(seconds=15), concurrency=2, grace=3)
    async with SupervisedTasks({"runner": supervisor.serve}, role="runner"):
        long = await store.submit(spec={"function": "nap"})
        pids = await pids_noted(handler.scratch / f"{long.id}-1" / "note")
        short = await store.submit(spec={"function": "nap", "seconds": 1})
        await pids_noted(handler.scratch / f"{short.id}-1" / "note")

    ended, given_back = await store.get(short.id), await store.get(long.id)
    assert (ended.status, ended.attempt) == ("succeeded", 1)
    assert (given_back.status, given_back.attempt) == ("queued", 0)
    assert gone(pids)


async def test_a_cancelled_supervisor_gives_its_rows_back(
    store: Store, queue: WorkQueue, slots: ChildSlots, handler: Handler
) -> None:
    supervisor = Supervisor(queue, slots, handler, lease=timedelta(seconds=15))
    task = asyncio.create_task(supervisor.run())
    job = await store.submit(spec={"function": "nap"})
    pids = await pids_noted(handler.scratch / f"{job.id}-1" / "note")

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert (await store.get(job.id)).status == "queued"
    assert gone(pids)


async def test_a_lost_lease_ends_the_child_without_a_word(
    store: Store, queue: WorkQueue, slots: ChildSlots, handler: Handler
) -> None:
    async with supervising(queue, slots, handler):
        job = await store.submit(spec={"function": "nap"}, max_attempts=1)
        pids = await pids_noted(handler.scratch / f"{job.id}-1" / "note")
        async with store.database.begin() as connection:
            await connection.execute(jobs.update().values(lease_epoch=7, lease_owner="somebody else"))

        assert gone(pids, 0.0) is False
        await asyncio.sleep(1.5)
        assert gone(pids)

    row = await store.get(job.id)
    assert (row.status, row.lease_owner) == ("running", "somebody else")
    assert await store.effects() == []
