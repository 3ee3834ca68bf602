"""Whole runs: a real supervisor, real children, real penguins."""

import asyncio
import hashlib
import json
import time
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import polars as pl
import psutil
import pytest
from harness.promises import Figures
from pipeline_street import Street, open_street, penguins, penguins_config
from skyulf_core.bundle import verify
from skyulf_events import JobCompleted, JobProgressed, JobQueued, JobStarted
from skyulf_pipeline.persistence.tables import jobs
from skyulf_service.ids import utc_now
from skyulf_service.objects.blobs import BlobRef, Blobs
from skyulf_service.signing.keys import load_public
from skyulf_service.signing.manifest import verify_manifest
from skyulf_service.work.queue import WorkQueue


async def test_a_run_trains_checks_signs_and_announces_its_model(street: Street, tmp_path: Path) -> None:
    job = await street.queued()
    async with street.working():
        job = await street.until(job["id"], "succeeded", "failed", "cancelled")

    assert job["status"] == "succeeded", job
    assert job["metrics"]["accuracy"] > 0.9
    assert job["classes"] == ["Adelie", "Chinstrap", "Gentoo"]
    assert (job["task"], job["target"], job["progress"]) == ("classification", "species", 1.0)
    events = await street.events()
    assert [type(event) for event in events if not isinstance(event, JobProgressed)] == [
        JobQueued,
        JobStarted,
        JobCompleted,
    ]
    versions = [event.aggregate_version for event in events]
    assert versions == sorted(set(versions))
    done = events[-1]
    assert isinstance(done, JobCompleted)
    assert done.artifact is not None
    assert done.register_as == "penguins"

    store = street.parts.objects("skyulf-pipeline")
    signed = await store.get_bytes(done.artifact.key)
    assert hashlib.sha256(signed).hexdigest() == done.artifact.digest
    manifest = verify_manifest(signed, load_public(street.parts.keys_dir))
    assert manifest["format"] == "skyulf.bundle/1"
    assert (manifest["job_id"], manifest["project_id"]) == (job["id"], str(done.project_id))
    assert manifest["golden"]["input"]
    for entry in manifest["files"]:
        path = tmp_path / "copy" / entry["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        await Blobs(store).fetch(BlobRef.of(entry["sha256"], entry["size"]), path)
    assert verify(tmp_path / "copy").rows > 0

    client = street.caller()
    evaluation = await client.get(f"/api/v1/jobs/{job['id']}/evaluation")
    assert evaluation.json()["metrics"] == job["metrics"]
    assert "confusion_matrix" in evaluation.json()
    lines = (await client.get(f"/api/v1/jobs/{job['id']}/logs")).json()["items"]
    assert lines[0]["message"] == "Attempt 1 started."
    assert lines[-1]["message"] == "The job succeeded; its model is signed."
    assert not any(street.parts.settings.scratch_folder.glob("process-*/*-*"))


async def test_a_constant_target_fails_the_job_with_a_sentence(lane: Street) -> None:
    frame = penguins().with_columns(species=pl.lit("Adelie"))
    job = await lane.queued(frame=frame)
    async with lane.working():
        job = await lane.until(job["id"], "failed", "succeeded")

    assert job["error"]["code"] == "constant-target"
    assert "species" in job["error"]["message"]
    assert "Traceback" not in job["error"]["message"]
    completed = await lane.events(JobCompleted)
    assert [(event.status, event.error.code) for event in completed] == [("failed", "constant-target")]
    assert (await lane.caller().get(f"/api/v1/jobs/{job['id']}/evaluation")).status_code == 404


async def test_data_that_has_changed_in_the_store_is_never_trained_on(lane: Street) -> None:
    job = await lane.queued()
    event = (await lane.events(JobQueued))[0]
    async with lane.parts.uows.read() as uow:
        from skyulf_pipeline.service.runs import SYSTEM

        dataset = await uow.datasets.find(SYSTEM, event.dataset.dataset_id)
    assert dataset is not None
    await lane.parts.objects("skyulf-ingestion").put_bytes(dataset.require_file().key, b"something else")
    async with lane.working():
        job = await lane.until(job["id"], "failed", "succeeded")

    assert job["error"]["code"] == "digest-mismatch"


async def test_a_deleted_dataset_fails_the_queued_job(lane: Street) -> None:
    from pipeline_street import deleted

    job = await lane.queued()
    pin = (await lane.events(JobQueued))[0].dataset
    await lane.deliver(deleted(pin.dataset_id, version=1, order=9))
    async with lane.working():
        job = await lane.until(job["id"], "failed", "succeeded")

    assert job["error"]["code"] == "dataset-unknown"
    assert "deleted" in job["error"]["message"]


@pytest.mark.promise("R10")
async def test_a_job_that_needs_too_much_memory_fails_alone(sqlite_url: str, tmp_path: Path, figures: Figures) -> None:
    async with open_street(sqlite_url, tmp_path, job_memory_bytes=64 << 20) as street:
        job = await street.queued()
        async with street.working():
            job = await street.until(job["id"], "failed", "succeeded")

    assert job["error"]["code"] == "out_of_memory", job
    assert "64 MiB" in job["error"]["message"]
    figures("a training over 64 MiB: failed as out_of_memory")


async def test_a_job_that_takes_too_long_fails(sqlite_url: str, tmp_path: Path) -> None:
    async with open_street(sqlite_url, tmp_path, job_deadline=timedelta(seconds=3)) as street:
        job = await street.queued(config=penguins_config(max_iter=10_000, early_stopping=False))
        async with street.working():
            job = await street.until(job["id"], "failed", "succeeded")

    assert job["error"]["code"] == "timeout", job


async def test_each_attempt_has_its_own_deadline(sqlite_url: str, tmp_path: Path) -> None:
    async with open_street(sqlite_url, tmp_path, job_deadline=timedelta(minutes=3)) as street:
        job = await street.queued()
        past = utc_now() - timedelta(hours=1)
        async with street.parts.database.begin() as connection:  # as a runner leaves it that was gone for long
            await connection.execute(jobs.update().values(attempt=1, deadline_at=past))
        async with street.working():
            job = await street.until(job["id"], "failed", "succeeded")

    assert (job["status"], job["attempt"]) == ("succeeded", 2), job


def slow_config() -> dict[str, object]:
    return penguins_config(max_iter=2000, early_stopping=False)


async def test_a_queued_job_is_cancelled_at_once(street: Street) -> None:
    job = await street.queued()
    answer = await street.caller().post(f"/api/v1/jobs/{job['id']}/cancel")

    assert (answer.status_code, answer.json()["status"]) == (202, "cancelled")
    completed = await street.events(JobCompleted)
    assert [event.status for event in completed] == ["cancelled"]
    again = await street.caller().post(f"/api/v1/jobs/{job['id']}/cancel")
    assert (again.status_code, again.json()["type"]) == (409, "/problems/work-finished")


@pytest.mark.promise("R20")
async def test_a_running_job_is_stopped_within_seconds_and_leaves_nothing(lane: Street, figures: Figures) -> None:
    others = set(psutil.Process().children(recursive=True))  # the servers of other tests
    job = await lane.queued(config=slow_config())
    async with lane.working():
        await lane.until(job["id"], "running")
        await asyncio.sleep(1.5)
        answer = await lane.caller().post(f"/api/v1/jobs/{job['id']}/cancel")
        assert answer.json()["status"] in ("cancelling", "cancelled")
        began = time.monotonic()
        job = await lane.until(job["id"], "cancelled", "succeeded", seconds=5)
        figures(f"1 running job: cancelled within {time.monotonic() - began:.1f} s, 0 processes and 0 objects left")

    assert job["status"] == "cancelled"
    assert job["digest"] is None
    assert [event.status for event in await lane.events(JobCompleted)] == ["cancelled"]
    assert set(psutil.Process().children(recursive=True)) - others == set()
    assert [stat async for stat in lane.parts.objects("skyulf-pipeline").list()] == []


async def test_a_cancelled_job_succeeds_when_it_is_tried_again(lane: Street) -> None:
    job = await lane.queued()
    client = lane.caller()
    await client.post(f"/api/v1/jobs/{job['id']}/cancel")
    answer = await client.post(f"/api/v1/jobs/{job['id']}/retry")
    assert (answer.status_code, answer.json()["status"], answer.json()["id"]) == (202, "queued", job["id"])
    async with lane.working():
        job = await lane.until(job["id"], "succeeded", "failed")

    assert job["status"] == "succeeded", job
    assert [event.status for event in await lane.events(JobCompleted)] == ["cancelled", "succeeded"]
    assert (await client.post(f"/api/v1/jobs/{job['id']}/retry")).status_code == 409


async def test_a_job_whose_runner_died_is_taken_over(street: Street) -> None:
    job = await street.queued()
    zombie = await WorkQueue(jobs, street.parts.database).claim("dead runner", lease=timedelta(milliseconds=200))
    assert zombie is not None
    async with street.working():
        job = await street.until(job["id"], "succeeded", "failed")

    assert (job["status"], job["attempt"]) == ("succeeded", 2)
    assert len(await street.events(JobCompleted)) == 1


async def test_a_zombie_writes_nothing(street: Street) -> None:
    from skyulf_pipeline.domain.jobs import Artifact, Outcome
    from skyulf_pipeline.runner import JobFinisher
    from skyulf_pipeline.service import runs
    from skyulf_service.work.expiry import requeue_expired
    from skyulf_service.work.queue import LeaseLostError

    job = await street.queued()
    queue = WorkQueue(jobs, street.parts.database)
    zombie = await queue.claim("zombie", lease=timedelta(milliseconds=50))
    assert zombie is not None
    await asyncio.sleep(0.2)
    await requeue_expired(queue, JobFinisher(street.parts.uows))
    heir = await queue.claim("heir", lease=timedelta(seconds=30))
    assert heir is not None

    outcome = Outcome(
        task="classification",
        target="species",
        framework="x",
        estimator="x",
        classes=None,
        metrics={},
        artifact=Artifact(bucket="b", key="zombie", digest="0" * 64, size=1),
    )
    for attempt in (
        lambda uow: runs.succeed(uow, claim=zombie, outcome=outcome),
        lambda uow: runs.progress(uow, claim=zombie, fraction=0.5, step="late"),
        lambda uow: runs.fail(uow, claim=zombie, code="x", message="late"),
        lambda uow: runs.end_cancelled(uow, claim=zombie),
    ):
        with pytest.raises(LeaseLostError):
            async with street.parts.uows() as uow:
                await attempt(uow)
    assert (await street.job(job["id"]))["status"] == "running"
    assert await street.events(JobCompleted) == []


async def test_a_job_that_kills_every_runner_fails(lane: Street) -> None:
    job = await lane.queued()
    queue = WorkQueue(jobs, lane.parts.database)
    from skyulf_pipeline.runner import JobFinisher
    from skyulf_service.work.expiry import requeue_expired

    for _ in range(20):
        assert await queue.claim("doomed", lease=timedelta(milliseconds=10)) is not None
        await asyncio.sleep(0.05)
        await requeue_expired(queue, JobFinisher(lane.parts.uows))

    job = await lane.job(job["id"])
    assert (job["status"], job["error"]["code"]) == ("failed", "lease_expired")
    assert [event.status for event in await lane.events(JobCompleted)] == ["failed"]


async def test_progress_is_announced_at_most_once_a_second(lane: Street) -> None:
    job = await lane.queued(config=slow_config())
    async with lane.working():
        job = await lane.until(job["id"], "succeeded", "failed", seconds=120)

    assert job["status"] == "succeeded", json.dumps(job)
    progress = await lane.events(JobProgressed)
    moments = [event.occurred_at for event in progress]
    assert all(later - earlier >= timedelta(seconds=0.95) for earlier, later in pairwise(moments))
    steps = [(event.attempt, event.progress) for event in progress]
    assert steps == sorted(steps)  # an attempt that lost its lease on a busy machine begins again
