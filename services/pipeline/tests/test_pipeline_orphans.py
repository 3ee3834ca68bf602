"""A model that is not committed leaves no object; one that is keeps all of its own."""

import asyncio
from datetime import timedelta

from pipeline_street import Street
from skyulf_pipeline.main import BUCKET, runner
from skyulf_pipeline.persistence.references import BundleReferences
from skyulf_service.composition import Parts
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


async def test_a_job_that_is_cancelled_after_it_has_stored_its_model_takes_it_back(lane: Street) -> None:
    model = await lane.queued()
    async with lane.working():
        await lane.until(model["id"], "succeeded", "failed")
    before = await stored(lane)
    job = await lane.queued()
    store = LateCancel(lane.parts.settings.shared.objects_folder, BUCKET)

    async def cancel() -> None:
        await lane.caller().post(f"/api/v1/jobs/{job['id']}/cancel")

    class SlowStore(Parts):
        def objects(self, bucket):
            return store if bucket == BUCKET else super().objects(bucket)

    store.cancel = cancel
    supervisor = runner(SlowStore(**vars(lane.parts)))
    running = asyncio.create_task(supervisor.run())
    job = await lane.until(job["id"], "cancelled", "succeeded", "failed")
    supervisor.stop()
    await running

    assert (model["status"], job["status"]) == ("queued", "cancelled")
    assert before
    assert await stored(lane) == before, "what both have in common stays"


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
