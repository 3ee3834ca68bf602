"""Runners as processes of their own, killed and frozen for real."""

import asyncio
import json
import os
import signal
import sys
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psutil
import pytest
from harness.promises import Figures
from pipeline_street import Street, penguins, penguins_config
from pipeline_studies import tuned, tuning
from skyulf_core.tuning import tune
from skyulf_events import JobCompleted
from skyulf_pipeline.persistence.tables import jobs
from skyulf_service.errors import UnavailableError
from skyulf_service.signing.keys import load_public
from skyulf_service.signing.manifest import verify_manifest
from skyulf_service.testing.ports import free_port
from skyulf_service.testing.processes import running
from sqlalchemy import select

GRACE_SECONDS = 10.0


@asynccontextmanager
async def runner_process(street: Street) -> AsyncIterator[Process]:
    """A runner on the street's database, with the street's lease."""
    environment = {
        **os.environ,
        "SKYULF_HOME": str(street.parts.settings.shared.home),
        "SKYULF_PIPELINE_DATABASE_URL": street.parts.settings.database,
        "SKYULF_PIPELINE_HEALTH_PORT": str(free_port()),
        "SKYULF_PIPELINE_JOB_LEASE": "PT6S",
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
    return not any(running(process) for process in processes)


async def started(
    street: Street, process: Process, job: dict[str, object] | None = None
) -> tuple[dict[str, object], list[psutil.Process]]:
    """Wait until the process works on a job; return the job and all children of the process."""
    job = job or await street.queued(config=slow_config())
    async with asyncio.timeout(60):
        while not job["step"]:
            await asyncio.sleep(0.1)
            job = await street.job(job["id"])
    return job, psutil.Process(process.pid).children(recursive=True)


async def freeze(street: Street, process: Process) -> None:
    """Stop a runner in its tracks, where others can still write: in a transaction it would hold its rows, or all of
    SQLite; who ends such sessions on PostgreSQL is not part of this street.
    """
    async with asyncio.timeout(60):
        while True:
            process.send_signal(signal.SIGSTOP)
            try:
                async with street.parts.database.begin() as connection:
                    await connection.execute(select(jobs.c.id).with_for_update(nowait=True))
                    return
            except UnavailableError:
                process.send_signal(signal.SIGCONT)
                await asyncio.sleep(0.05)


@pytest.mark.promise("R1")
async def test_a_killed_runner_leaves_no_process_and_its_job_is_done_by_another(
    street: Street, figures: Figures
) -> None:
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
    figures("1 runner killed: its job done by another, told once, 0 processes left")


async def test_a_frozen_runner_that_wakes_up_late_changes_nothing(street: Street) -> None:
    async with runner_process(street) as process:
        job, children = await started(street, process)
        await freeze(street, process)
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


async def test_a_runner_that_is_told_to_stop_gives_long_work_back(lane: Street) -> None:
    async with runner_process(lane) as process:
        asked = await tuned(lane, tuning(n_trials=500), config=slow_config())
        job, children = await started(lane, process, asked)
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 25) == 0
        assert gone(children)
        job = await lane.job(job["id"])
    assert (job["status"], job["attempt"]) == ("queued", 0)


async def test_a_runner_that_is_told_to_stop_ends_short_work(lane: Street) -> None:
    async with runner_process(lane) as process:
        job, children = await started(lane, process, await lane.queued())
        told = time.monotonic()
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 25) == 0
        taken = time.monotonic() - told
        assert gone(children)
        job = await lane.job(job["id"])
    # on a machine that was busy with others the work was not short
    assert (job["status"], job["attempt"]) == (("succeeded", 1) if taken < GRACE_SECONDS else ("queued", 0)), taken


async def test_a_tuning_whose_runner_is_killed_loses_no_finished_trial(street: Street) -> None:
    """The study of the next runner is that of the first one: not a trial more, less or other."""
    wanted = {
        "n_trials": 12, "pruner": "none", "cv": {"type": "k_fold", "folds": 3},
        "search_space": {"learning_rate": {"low": 0.01, "high": 0.5, "log": True}},
    }  # fmt: skip
    config = penguins_config(max_iter=25, early_stopping=False)
    client = street.caller()
    pipeline = (await client.post("/api/v1/pipelines", json={"name": "p", "config": config})).json()
    event = await street.dataset(penguins())
    body = {"dataset_id": str(event.dataset_id), "tuning": wanted}
    job = (await client.post(f"/api/v1/pipelines/{pipeline['id']}/tunings", json=body)).json()

    async def ended() -> list[dict[str, object]]:
        found = (await client.get(f"/api/v1/jobs/{job['id']}/trials")).json()["items"]
        return [trial for trial in found if trial["state"] == "complete"]

    async with runner_process(street) as process:
        async with asyncio.timeout(120):
            while len(await ended()) < 3:
                await asyncio.sleep(0.05)
        process.kill()
        await process.wait()
    before = await ended()
    async with street.working():
        job = await street.until(job["id"], "succeeded", "failed", seconds=180)

    assert (job["status"], job["attempt"]) == ("succeeded", 2), json.dumps(job)
    assert 3 <= len(before) < 12
    after = await ended()
    assert after[: len(before)] == before
    undisturbed = tune({**config, "tuning": wanted}, penguins()).trials
    assert [(trial["params"], trial["score"]) for trial in after] == [(each.params, each.score) for each in undisturbed]
