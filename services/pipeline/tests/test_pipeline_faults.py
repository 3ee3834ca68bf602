"""Runners as processes of their own, killed and frozen for real."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psutil
from pipeline_street import Street, penguins_config
from skyulf_events import JobCompleted
from skyulf_service.signing.keys import load_public
from skyulf_service.signing.manifest import verify_manifest
from skyulf_service.testing.ports import free_port


@asynccontextmanager
async def runner_process(street: Street) -> AsyncIterator[Process]:
    """A runner on the street's database, with a lease of two seconds."""
    environment = {
        **os.environ,
        "SKYULF_HOME": str(street.parts.settings.shared.home),
        "SKYULF_PIPELINE_DATABASE_URL": street.parts.settings.database,
        "SKYULF_PIPELINE_HEALTH_PORT": str(free_port()),
        "SKYULF_PIPELINE_JOB_LEASE": "PT2S",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "skyulf_pipeline.main", "runner", env=environment
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGCONT)
            process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(process.wait(), 20)


def slow_config() -> dict[str, object]:
    return penguins_config(max_iter=2000, early_stopping=False)


def gone(processes: list[psutil.Process]) -> bool:
    return not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)


async def started(street: Street, process: Process) -> tuple[dict[str, object], list[psutil.Process]]:
    """Wait until the process works on a job; return the job and all children of the process."""
    job = await street.queued(config=slow_config())
    async with asyncio.timeout(60):
        while not job["step"]:
            await asyncio.sleep(0.1)
            job = await street.job(job["id"])
    return job, psutil.Process(process.pid).children(recursive=True)


async def test_a_killed_runner_leaves_no_process_and_its_job_is_done_by_another(street: Street) -> None:
    async with runner_process(street) as process:
        job, children = await started(street, process)
        assert children
        process.kill()
        await process.wait()
        async with asyncio.timeout(5):
            while not gone(children):
                await asyncio.sleep(0.05)
        async with street.working():
            job = await street.until(job["id"], "succeeded", "failed", seconds=180)

    assert (job["status"], job["attempt"]) == ("succeeded", 2), json.dumps(job)
    assert [event.status for event in await street.events(JobCompleted)] == ["succeeded"]


async def test_a_frozen_runner_that_wakes_up_late_changes_nothing(street: Street) -> None:
    async with runner_process(street) as process:
        job, children = await started(street, process)
        process.send_signal(signal.SIGSTOP)
        async with street.working():
            job = await street.until(job["id"], "succeeded", "failed", seconds=180)
            process.send_signal(signal.SIGCONT)
            async with asyncio.timeout(10):
                while not gone(children[:1]):
                    await asyncio.sleep(0.05)
            await asyncio.sleep(1)

        assert process.returncode is None
        assert await street.job(job["id"]) == job
    (completed,) = await street.events(JobCompleted)
    assert completed.artifact is not None
    signed = await street.parts.objects("skyulf-pipeline").get_bytes(completed.artifact.key)
    assert verify_manifest(signed, load_public(street.parts.keys_dir))["attempt"] == 2


async def test_a_runner_that_is_told_to_stop_gives_its_job_back(lane: Street) -> None:
    async with runner_process(lane) as process:
        job, children = await started(lane, process)
        process.terminate()
        await asyncio.wait_for(process.wait(), 20)
        assert gone(children)
        job = await lane.job(job["id"])
    assert (job["status"], job["attempt"]) in (("queued", 0), ("succeeded", 1))
