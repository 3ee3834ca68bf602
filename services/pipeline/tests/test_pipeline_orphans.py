"""What no job has committed is garbage after a while; until then, and while a model has it too, it stays."""

import asyncio
from datetime import timedelta

from pipeline_street import Street
from skyulf_pipeline.main import BUCKET, runner
from skyulf_pipeline.persistence.references import BundleReferences, needed
from skyulf_service.composition import Parts
from skyulf_service.errors import TooLargeError
from skyulf_service.objects.blobs import Blobs
from skyulf_service.objects.collector import collect_orphans
from skyulf_service.objects.folder import FolderStore


class LateCancel(FolderStore):
    """A store that is slow at the signed manifest: somebody cancels the job meanwhile."""

    cancel = None

    async def put_bytes(self, key, data, *, create_only=False):
        stored = await super().put_bytes(key, data, create_only=create_only)
        if self.cancel is not None:
            await self.cancel()
        return stored


async def stored(street: Street) -> set[str]:
    return {found.key async for found in street.parts.objects(BUCKET).list()}


async def test_what_a_cancelled_job_has_stored_stays_until_the_collector_sees_that_nobody_needs_it(
    lane: Street,
) -> None:
    job = await lane.queued()
    store = LateCancel(lane.parts.settings.shared.objects_folder, BUCKET)

    async def cancel() -> None:
        store.cancel = None
        await lane.caller().post(f"/api/v1/jobs/{job['id']}/cancel")

    class SlowStore(Parts):
        def objects(self, bucket):
            return store if bucket == BUCKET else super().objects(bucket)

    store.cancel = cancel
    supervisor = runner(SlowStore(**vars(lane.parts)))
    running = asyncio.create_task(supervisor.run())
    job = await lane.until(job["id"], "cancelled", "succeeded", "failed")
    left = await stored(lane)
    model = await lane.queued()
    model = await lane.until(model["id"], "succeeded", "failed")
    supervisor.stop()
    await running
    async with lane.parts.database.read() as connection:
        both = {ref.key for ref in await needed(connection, store)}

    assert (job["status"], job["digest"], model["status"]) == ("cancelled", None, "succeeded")
    assert left & both, "the same files: another job could store them at any moment"
    assert left - both, "its manifest, at least, is its own"
    assert both <= await stored(lane)
    references = BundleReferences(lane.parts.database, Blobs(store))
    assert await collect_orphans(store, references.referenced, grace=timedelta(hours=1)) == 0
    assert await collect_orphans(store, references.referenced, grace=timedelta(hours=-1)) == len(left - both)
    assert await stored(lane) == both


async def test_a_runner_removes_nothing_in_the_bucket_of_models(lane: Street) -> None:
    class NoRemovals(LateCancel):
        async def delete(self, key):
            removed.append(key)

    removed: list[str] = []
    cut, failing = NoRemovals(lane.parts.settings.shared.objects_folder, BUCKET), await lane.queued()

    async def refuse() -> None:
        raise TooLargeError("more than the store accepts")

    class RefusingStore(Parts):
        def objects(self, bucket):
            return cut if bucket == BUCKET else super().objects(bucket)

    cut.cancel = refuse
    supervisor = runner(RefusingStore(**vars(lane.parts)))
    running = asyncio.create_task(supervisor.run())
    failing = await lane.until(failing["id"], "failed", "succeeded", seconds=60)
    supervisor.stop()
    await running

    assert failing["status"] == "failed"
    assert await stored(lane)
    assert removed == []


async def test_the_collector_keeps_models_and_removes_the_rest(street: Street) -> None:
    job = await street.queued()
    async with street.working():
        job = await street.until(job["id"], "succeeded", "failed")
    store = street.parts.objects(BUCKET)
    needed = await stored(street)
    lost = await Blobs(store).put_bytes(b"of an attempt that lost its lease")
    references = BundleReferences(street.parts.database, Blobs(store))

    assert await collect_orphans(store, references.referenced, grace=timedelta(hours=1)) == 0
    await asyncio.sleep(0.1)
    assert await collect_orphans(store, references.referenced, grace=timedelta()) == 1

    assert job["status"] == "succeeded"
    assert await stored(street) == needed
    assert lost.key not in needed


async def test_a_runner_opens_each_bucket_once(lane: Street) -> None:
    opened: list[str] = []

    class Counted(Parts):
        def objects(self, bucket):
            opened.append(bucket)
            return super().objects(bucket)

    jobs = [await lane.queued() for _ in range(2)]
    supervisor = runner(Counted(**vars(lane.parts)))
    running = asyncio.create_task(supervisor.run())
    ended = [await lane.until(job["id"], "succeeded", "failed") for job in jobs]
    supervisor.stop()
    await running

    assert [job["status"] for job in ended] == ["succeeded"] * 2
    assert sorted(opened) == ["skyulf-ingestion", BUCKET]
