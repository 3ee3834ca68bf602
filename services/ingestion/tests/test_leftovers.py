"""What no dataset needs any more does not stay in the object store, and what one needs is never removed."""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from skyulf_ingestion.main import SERVICE
from skyulf_ingestion.persistence.leftovers import LeftoverList
from skyulf_service.database.unit_of_work import UnitOfWorks
from skyulf_service.errors import UnavailableError
from skyulf_service.objects.collector import collect_orphans
from skyulf_service.outbox.lease import BACKUP, Lease

DATASETS = "/api/v1/datasets"
DEEP = b"a,b\n" + b"1,2\n" * 100_000


class LostAnswers(UnitOfWorks):
    """A database whose answer to a commit is lost on its way back: the commit took effect, and nobody knows."""

    @asynccontextmanager
    async def __call__(self):
        async with super().__call__() as uow:
            yield uow
        raise UnavailableError("The connection was cut.")


@asynccontextmanager
async def at_work(ingestion):
    tasks = [asyncio.create_task(run()) for _, run in SERVICE.worker_background(ingestion.parts)]
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def worker(ingestion):
    async with at_work(ingestion):
        yield


@pytest.fixture
def keys(ingestion):
    async def found() -> list[str]:
        return [found.key async for found in ingestion.parts.objects("skyulf-ingestion").list()]

    return found


async def eventually_empty(keys) -> None:
    async with asyncio.timeout(15):
        while await keys():
            await asyncio.sleep(0.05)


async def test_a_failed_import_leaves_no_object(runner, worker, upload, settled, keys):
    found = await settled((await upload(DEEP + b"1,2,3\n")).json()["id"])

    assert found["status"] == "failed"
    await eventually_empty(keys)


async def test_a_deleted_dataset_leaves_no_object_and_its_twin_keeps_its_own(
    ingestion, runner, worker, upload, settled, keys
):
    first, twin = [await settled((await upload(b"a,b\n1,2\n")).json()["id"]) for _ in range(2)]
    assert len(await keys()) == 6

    await ingestion.client.delete(f"{DATASETS}/{first['id']}")
    async with asyncio.timeout(15):
        while len(await keys()) > 3:
            await asyncio.sleep(0.05)

    assert (await ingestion.client.get(f"{DATASETS}/{twin['id']}/sample")).json()["rows"] == [{"a": 1, "b": 2}]
    await ingestion.client.delete(f"{DATASETS}/{twin['id']}")
    await eventually_empty(keys)


async def test_a_cancelled_import_leaves_no_object(ingestion, worker, upload, keys):
    waiting = (await upload(b"a\n1\n")).json()["id"]

    await ingestion.client.post(f"{DATASETS}/{waiting}/cancel")

    await eventually_empty(keys)


async def test_a_dataset_that_is_deleted_while_it_is_read_leaves_no_object(ingestion, runner, worker, upload, keys):
    for pause in (0.0, 0.2, 0.5):
        dataset = (await upload(DEEP)).json()["id"]
        await asyncio.sleep(pause)
        async with asyncio.timeout(10):  # 409: the import ended in this very moment
            while (answer := await ingestion.client.delete(f"{DATASETS}/{dataset}")).status_code == 409:
                await asyncio.sleep(0.05)
        assert answer.status_code == 204, answer.text

    await eventually_empty(keys)


async def test_what_was_let_go_of_before_a_crash_is_removed_by_the_next_worker(ingestion, upload, keys):
    dataset = (await upload(b"a\n1\n")).json()["id"]
    await ingestion.client.delete(f"{DATASETS}/{dataset}")
    assert len(await keys()) == 1, "no worker has run yet"

    async with at_work(ingestion):
        await eventually_empty(keys)


async def test_orphans_go_after_their_grace_and_referenced_objects_stay(ingestion, runner, upload, settled, keys):
    dataset = await settled((await upload(b"a\n1\n")).json()["id"])
    await upload(b"a\n2\n")
    needed = await keys()
    store, leftovers = ingestion.parts.objects("skyulf-ingestion"), LeftoverList(ingestion.parts.database)
    for key in ("uploads/nobodys", "imports/nobodys.1.dataset.parquet", "blobs/sha256/ab/cd"):
        await store.put_bytes(key, b"lost")

    assert await collect_orphans(store, leftovers.referenced, grace=timedelta(hours=1)) == 0
    await asyncio.sleep(0.1)
    assert await collect_orphans(store, leftovers.referenced, grace=timedelta()) == 3

    assert set(needed) <= set(await keys())
    assert (await ingestion.client.get(f"{DATASETS}/{dataset['id']}/sample")).json()["rows"] == [{"a": 1}]


async def test_an_upload_whose_commit_was_not_confirmed_keeps_its_bytes(ingestion, upload, settled, keys):
    ingestion.app.state.uows = LostAnswers(ingestion.parts.database, SERVICE.unit_of_work)
    unknown = await upload(b"a\n1\n", **{"Idempotency-Key": "again"})
    ingestion.app.state.uows = ingestion.parts.uows

    replay = await upload(b"a\n1\n", **{"Idempotency-Key": "again"})

    assert (unknown.status_code, replay.status_code) == (503, 202)
    assert len(await keys()) == 1, "the first one's bytes, and not the repetition's"
    supervisor = SERVICE.runner(ingestion.parts)
    running = asyncio.create_task(supervisor.run())
    assert (await settled(replay.json()["id"]))["status"] == "ready"
    supervisor.stop()
    await running


async def test_a_repeated_cancel_has_the_first_ones_answer(ingestion, upload):
    dataset = (await upload(b"a\n1\n")).json()["id"]
    key = {"Idempotency-Key": "stop"}

    first = await ingestion.client.post(f"{DATASETS}/{dataset}/cancel", headers=key)
    again = await ingestion.client.post(f"{DATASETS}/{dataset}/cancel", headers=key)

    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == again.json()


async def test_nothing_is_removed_while_a_backup_runs(ingestion, runner, worker, upload, settled, keys):
    found = await settled((await upload(b"a,b\n1,2\n")).json()["id"])
    backup = Lease(ingestion.parts.database, SERVICE.messaging.leases, BACKUP, ttl=timedelta(seconds=60))
    assert await backup.hold()

    await ingestion.client.delete(f"{DATASETS}/{found['id']}")

    await asyncio.sleep(2.5)  # two turns of the collector
    assert len(await keys()) == 3
    await backup.release()
    await eventually_empty(keys)
