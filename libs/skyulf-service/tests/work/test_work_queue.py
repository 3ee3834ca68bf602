"""Claims are exclusive, ordered and fair; leases end; nobody writes without one."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest
from skyulf_service.ids import new_id, utc_now
from skyulf_service.work.claims import Claim, LeaseLostError, fence
from skyulf_service.work.expiry import requeue_expired
from skyulf_service.work.queue import WorkQueue
from work_support import Handler, Job, Store, jobs

LEASE = timedelta(seconds=30)


async def claim(queue: WorkQueue, owner: str = "a") -> Claim:
    found = await queue.claim(owner, lease=LEASE)
    assert found is not None
    return found


async def test_an_empty_queue_has_nothing_to_claim(queue: WorkQueue) -> None:
    assert await queue.claim("a", lease=LEASE) is None


async def test_a_claim_takes_the_row(store: Store, queue: WorkQueue) -> None:
    job = await store.submit()

    taken = await claim(queue)

    row = await store.get(job.id)
    assert (taken.id, taken.epoch, taken.attempt, taken.project_id) == (job.id, 1, 1, job.project_id)
    assert (row.status, row.lease_owner, row.version) == ("running", "a", 2)
    assert row.started_at is not None
    assert row.lease_expires_at is not None
    assert timedelta(seconds=25) < row.lease_expires_at - utc_now() < timedelta(seconds=35)
    assert await queue.claim("b", lease=LEASE) is None


async def test_the_highest_priority_goes_first_then_the_oldest(store: Store, queue: WorkQueue) -> None:
    project = new_id()
    now = utc_now()
    made = {
        name: await store.submit(project_id=project, priority=priority, queued_at=now + timedelta(seconds=age))
        for name, priority, age in (("late", 0, 2), ("early", 0, 1), ("urgent", 5, 3), ("lowest", -5, 0))
    }
    names = {job.id: name for name, job in made.items()}

    assert [names[(await claim(queue)).id] for _ in made] == ["urgent", "early", "late", "lowest"]


async def test_the_least_loaded_project_goes_first(store: Store, queue: WorkQueue) -> None:
    greedy, modest = new_id(), new_id()
    for _ in range(4):
        await store.submit(project_id=greedy)
    for _ in range(2):
        await store.submit(project_id=modest)

    order = [(await claim(queue)).project_id for _ in range(6)]

    assert order == [greedy, modest, greedy, modest, greedy, greedy]


async def test_priority_beats_fairness(store: Store, queue: WorkQueue) -> None:
    greedy = new_id()
    for _ in range(3):
        await store.submit(project_id=greedy, priority=1)
    await store.submit()

    assert [(await claim(queue)).project_id for _ in range(3)] == [greedy] * 3


async def test_rows_wait_for_their_time(store: Store, queue: WorkQueue) -> None:
    await store.submit(run_after=utc_now() + timedelta(minutes=1))
    due = await store.submit(run_after=utc_now() - timedelta(minutes=1))

    assert (await claim(queue)).id == due.id
    assert await queue.claim("a", lease=LEASE) is None


async def test_each_row_is_claimed_once_by_many(store: Store, queue: WorkQueue) -> None:
    for _ in range(40):
        await store.submit()

    async def drain(owner: str) -> list[Claim]:
        claims = []
        while (found := await queue.claim(owner, lease=LEASE)) is not None:
            claims.append(found)
        return claims

    claims = [found for one in await asyncio.gather(*(drain(f"owner {n}") for n in range(6))) for found in one]

    assert Counter(found.id for found in claims) == {job.id: 1 for job in await store.all()}
    assert {found.epoch for found in claims} == {1}


async def test_a_heartbeat_extends_the_lease_and_carries_progress(store: Store, queue: WorkQueue) -> None:
    await store.submit()
    taken = await claim(queue)
    await store.expire_leases()

    beat = await queue.heartbeat(taken, progress=0.4, step="fit")

    row = await store.get(taken.id)
    assert (beat.lost, beat.cancel) == (False, False)
    assert (row.progress, row.step, row.version) == (0.4, "fit", 2)
    assert row.lease_expires_at is not None
    assert row.lease_expires_at > utc_now()


async def test_a_heartbeat_learns_of_a_cancel_and_of_a_loss(store: Store, queue: WorkQueue) -> None:
    await store.submit()
    taken = await claim(queue)
    await store.change(taken.id, Job.request_cancel)

    assert (await queue.heartbeat(taken)).cancel

    await store.change(taken.id, Job.end_cancelled)
    assert (await queue.heartbeat(taken)).lost


async def test_a_row_given_back_has_not_lost_an_attempt(store: Store, queue: WorkQueue) -> None:
    await store.submit()
    first = await claim(queue)

    assert await queue.give_back(first)

    second = await claim(queue, "b")
    assert (second.attempt, second.epoch) == (1, 3)
    assert not await queue.give_back(first)
    assert (await queue.heartbeat(first)).lost


async def test_a_row_to_be_cancelled_is_not_given_back(store: Store, queue: WorkQueue) -> None:
    await store.submit()
    taken = await claim(queue)
    await store.change(taken.id, Job.request_cancel)

    assert not await queue.give_back(taken)
    assert (await store.get(taken.id)).status == "cancelling"


async def test_retries_end_with_the_attempts(store: Store, queue: WorkQueue) -> None:
    await store.submit(max_attempts=2)
    first = await claim(queue)

    assert await queue.retry_later(first, "unavailable", "away", delay=timedelta())
    second = await claim(queue)

    assert second.row["error_code"] == "unavailable"
    assert not await queue.retry_later(second, "unavailable", "away", delay=timedelta())


async def test_an_expired_lease_gives_the_row_its_next_attempt(
    store: Store, queue: WorkQueue, handler: Handler
) -> None:
    await store.submit()
    first = await claim(queue)
    assert await requeue_expired(queue, handler) == 0
    await store.expire_leases()

    assert await requeue_expired(queue, handler) == 1

    second = await claim(queue, "b")
    assert (second.attempt, second.epoch > first.epoch) == (2, True)
    assert await store.effects() == []


async def test_a_zombie_is_fenced_off(store: Store, queue: WorkQueue, handler: Handler) -> None:
    await store.submit()
    zombie = await claim(queue, "a")
    await store.expire_leases()
    await requeue_expired(queue, handler)

    with pytest.raises(LeaseLostError):  # between two owners
        await store.end(zombie, "late", Job.succeed)
    heir = await claim(queue, "b")
    with pytest.raises(LeaseLostError):
        await store.end(zombie, "late", Job.succeed)
    await store.end(heir, "succeeded", Job.succeed)
    with pytest.raises(LeaseLostError):
        await store.end(zombie, "late", Job.succeed)

    assert (await queue.heartbeat(zombie)).lost
    assert await store.effects() == [(heir.id, "succeeded")]


async def test_a_row_without_attempts_left_fails_by_the_services_hand(
    store: Store, queue: WorkQueue, handler: Handler
) -> None:
    await store.submit(max_attempts=1)
    zombie = await claim(queue)
    await store.expire_leases()

    await requeue_expired(queue, handler)

    row = await store.get(zombie.id)
    assert (row.status, row.error_code) == ("failed", "lease_expired")
    assert await store.effects() == [(zombie.id, "failed lease_expired")]


async def test_an_abandoned_row_to_be_cancelled_ends_cancelled(
    store: Store, queue: WorkQueue, handler: Handler
) -> None:
    await store.submit()
    zombie = await claim(queue)
    await store.change(zombie.id, Job.request_cancel)
    await store.expire_leases()

    await requeue_expired(queue, handler)

    assert (await store.get(zombie.id)).status == "cancelled"
    assert await store.effects() == [(zombie.id, "cancelled")]


async def test_a_deadline_is_that_of_an_attempt_and_ends_nothing_that_waits(
    store: Store, queue: WorkQueue, handler: Handler
) -> None:
    past = utc_now() - timedelta(hours=1)
    for _ in ("waiting", "abandoned"):
        await store.submit(deadline_at=past)
    await claim(queue)
    await store.expire_leases()

    await requeue_expired(queue, handler)

    assert {(row.status, row.error_code) for row in await store.all()} == {("queued", None)}


async def test_sweepers_that_compete_end_a_row_once(store: Store, queue: WorkQueue, handler: Handler) -> None:
    for _ in range(5):
        await store.submit(max_attempts=1)
        await claim(queue)
    await store.expire_leases()

    await asyncio.gather(*(requeue_expired(queue, handler) for _ in range(4)))

    assert Counter(await store.effects()) == {(job.id, "failed lease_expired"): 1 for job in await store.all()}


async def test_a_row_that_cannot_be_ended_is_tried_again(store: Store, queue: WorkQueue, handler: Handler) -> None:
    class Broken(Handler):
        async def failed(self, claim: Claim, code: str, message: str) -> None:
            raise RuntimeError("no")

    await store.submit(max_attempts=1)
    zombie = await claim(queue)
    await store.expire_leases()
    await requeue_expired(queue, Broken(store, handler.scratch))
    assert (await store.get(zombie.id)).status == "running"

    await store.expire_leases()
    await requeue_expired(queue, handler)

    assert (await store.get(zombie.id)).error_code == "lease_expired"


async def test_the_fence_holds_until_the_commit(store: Store, queue: WorkQueue, handler: Handler) -> None:
    await store.submit()
    taken = await claim(queue)
    await store.expire_leases()

    async with store.database.begin() as connection:
        await fence(connection, jobs, taken)
        sweep = asyncio.create_task(requeue_expired(queue, handler))
        await asyncio.sleep(0.2)
        done = await connection.execute(jobs.update().values(step="written under the fence"))
        assert done.rowcount == 1
    await sweep

    assert (await store.get(taken.id)).step == "written under the fence"


async def test_a_fence_on_a_missing_row_is_a_loss(store: Store, queue: WorkQueue) -> None:
    await store.submit()
    taken = await claim(queue)
    async with store.database.begin() as connection:
        await connection.execute(jobs.delete())

    with pytest.raises(LeaseLostError):
        await store.end(taken, "late", Job.succeed)
