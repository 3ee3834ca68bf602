"""A runner is frozen long enough to lose its job to another one, and wakes up in the middle of it.

It is frozen twice: while its children train, where it has stored nothing and may store nothing later; and between
storing the signed bundle and committing the job, where late outputs are certain to exist and nothing may refer to them.
What it may have locked in the database is not kept from the others: that is tried with a session that stops by itself.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
from harness import configs, flights
from harness.api import Api, Json
from harness.distributed import Distributed
from harness.form import LEASE_SECONDS
from harness.labour import at_work, begun
from harness.objects import blob_key
from harness.promises import Figures
from harness.proxies import held_answers
from harness.stream import Seen, read_until
from skyulf_service.database.engine import APPLICATION
from skyulf_service.testing.ports import free_port
from skyulf_service.testing.processes import ServiceProcess, running

BUCKET = "skyulf-pipeline"
LEASES = 3
MOST_SECONDS = 5.0
MANIFEST = b'{"manifest":'


@dataclass(frozen=True)
class Runner:
    """A runner's process, and the port of its health."""

    process: ServiceProcess
    port: int

    def wait_ready(self) -> None:
        """Wait until it says that it is ready."""
        self.process.wait_ready(f"http://127.0.0.1:{self.port}/readyz", timeout=90)


@pytest.mark.promise("R9")
def test_a_runner_that_sleeps_through_three_leases_changes_nothing_when_it_wakes(
    distributed: Distributed, figures: Figures
) -> None:
    with distributed.project() as api, second_runner(distributed) as second:
        first = distributed.roles["pipeline-runner"]
        runners = [Runner(first.process, first.port), second]
        dataset = api.ready_dataset(flights.csv(flights.training()))
        before = distributed.objects.keys(BUCKET)
        job, workers = begun(distributed, api, dataset["id"], name="contested", rounds=400)
        owners = {parent.pid for worker in workers for parent in worker.parents()}
        (frozen,) = [runner for runner in runners if runner.process.pid in owners]

        asleep = time.monotonic()
        frozen.process.pause()
        try:
            api.until(f"/jobs/{job['id']}", lambda found: found["attempt"] == 2)
            taken = time.monotonic() - asleep
            ended = api.job(job["id"], seconds=180)
            api.eventually(lambda: time.monotonic() - asleep > LEASES * LEASE_SECONDS, what="three leases are over")
        finally:
            frozen.process.resume()
        api.eventually(lambda: not any(running(worker) for worker in workers), what="the late processes are gone")
        api.eventually(lambda: not at_work(distributed), what="nobody works on the job any more")
        for runner in runners:
            runner.wait_ready()

        assert taken <= LEASE_SECONDS + MOST_SECONDS
        assert (ended["status"], ended["attempt"]) == ("succeeded", 2), ended
        assert_one_version(distributed, api, ended, late=late_outputs(distributed, ended, before))
        tiny = api.ready_dataset(configs.tiny_data())
        assert api.train(configs.tiny(), tiny["id"], register_as="next")["version"] == 1
        assert api.ok("GET", f"/jobs/{job['id']}") == ended
    figures(f"frozen in a training, taken over {taken:.1f} s later (lease {LEASE_SECONDS} s): 1 version")


@pytest.mark.promise("R9")
@pytest.mark.timeout(600)
def test_what_a_runner_stored_before_it_slept_is_referred_to_by_nobody(
    distributed: Distributed, figures: Figures
) -> None:
    """It sleeps after the store has the signed manifest and before it knows, since the store's answer is held back."""
    with (
        distributed.project() as api,
        held_answers(distributed.s3.endpoint, MANIFEST) as store,
        second_runner(distributed, SKYULF_S3_ENDPOINT=store.address) as sleeper,
    ):
        dataset = api.ready_dataset(flights.csv(flights.training()))
        before = distributed.objects.keys(BUCKET)
        try:
            with distributed.without("pipeline-runner"):
                job, _ = begun(distributed, api, dataset["id"], name="contested", rounds=50)
                stored = manifest_of(distributed, job, before)
                sleeper.process.pause()
            asleep = time.monotonic()
            ended = api.job(job["id"], seconds=180)
            api.eventually(lambda: time.monotonic() - asleep > LEASES * LEASE_SECONDS, what="three leases are over")
            late = late_outputs(distributed, ended, before)  # awake, the sleeper may remove them
        finally:
            store.release()
            sleeper.process.resume()
        sleeper.wait_ready()
        with distributed.without("pipeline-runner"):  # who takes one job at a time is done with the late one after it
            tiny = api.ready_dataset(configs.tiny_data())
            assert api.train(configs.tiny(), tiny["id"], register_as="next")["version"] == 1

        assert ended["status"] == "succeeded", ended
        assert stored in late
        assert_one_version(distributed, api, ended, late=late)
        assert api.ok("GET", f"/jobs/{job['id']}") == ended
    figures(f"frozen before its commit: {len(late)} late manifest referred to by nobody, 1 version")


@pytest.mark.promise("R11")
def test_a_runner_that_is_told_to_end_does_not_wait_for_a_store_that_hangs(
    distributed: Distributed, figures: Figures
) -> None:
    with (
        distributed.project() as api,
        held_answers(distributed.s3.endpoint, MANIFEST) as store,
        second_runner(distributed, SKYULF_S3_ENDPOINT=store.address) as runner,
    ):
        dataset = api.ready_dataset(flights.csv(flights.training()))
        before = distributed.objects.keys(BUCKET)
        with distributed.without("pipeline-runner"):
            job, _ = begun(distributed, api, dataset["id"], name="contested", rounds=50)
            manifest_of(distributed, job, before)
            told = time.monotonic()
            assert runner.process.terminate() == 0, runner.process.log_text()[-4000:]
            seconds = time.monotonic() - told
        ended = api.job(job["id"], seconds=180)

        assert (ended["status"], ended["attempt"]) == ("succeeded", 1), ended
        assert_one_version(distributed, api, ended, late=late_outputs(distributed, ended, before))
    figures(f"a runner whose store hangs ended {seconds:.1f} s after SIGTERM, its job by another: 1 version")


@pytest.mark.promise("R9")
def test_a_job_that_a_frozen_process_has_locked_within_a_statement_is_taken_over(
    distributed: Distributed, figures: Figures
) -> None:
    runner = distributed.roles["pipeline-runner"]
    with distributed.project() as api:
        dataset = api.ready_dataset(flights.csv(flights.training()))
        job, _ = begun(distributed, api, dataset["id"], name="locked", rounds=400)
        with stopped_within_a_statement(distributed, "SELECT 1 FROM jobs WHERE id = $1 FOR UPDATE", job["id"]):
            runner.process.kill()
            began = time.monotonic()
            runner.start()
            api.until(f"/jobs/{job['id']}", lambda found: found["attempt"] == 2)
            taken = time.monotonic() - began
        ended = api.job(job["id"], seconds=180)

    assert taken <= LEASE_SECONDS + MOST_SECONDS
    assert ended["status"] == "succeeded", ended
    figures(f"its row locked by a session that stopped, taken over {taken:.1f} s after its runner's end")


@contextmanager
def stopped_within_a_statement(distributed: Distributed, lock: str, *values: object) -> Iterator[None]:
    """A session as services have them, which takes a lock, begins the next statement, and says nothing more."""
    address = distributed.database_url("pipeline").replace("+asyncpg", "")

    async def begin() -> asyncpg.Connection:
        session = await asyncpg.connect(address, server_settings={"application_name": APPLICATION})
        await session.execute("BEGIN")
        assert await session.fetchval(lock, *values)
        await session.prepare("SELECT 1 FROM jobs")
        return session

    loop = asyncio.new_event_loop()
    session = loop.run_until_complete(begin())
    try:
        yield
    finally:
        session.terminate()
        loop.close()


def manifest_of(distributed: Distributed, job: Json, before: set[str]) -> str:
    """Wait until the store has the signed manifest of a job; returns its key."""
    seen, deadline = set(before), time.monotonic() + 120
    while time.monotonic() < deadline:
        new = distributed.objects.keys(BUCKET) - seen
        for key, manifest in manifests(distributed, new):
            if manifest["job_id"] == job["id"]:
                return key
        seen |= new
        time.sleep(0.02)
    raise AssertionError(f"no manifest of job {job['id']}")


def late_outputs(distributed: Distributed, job: Json, before: set[str]) -> dict[str, dict[str, Any]]:
    """The manifests of a job that were stored beside the one of its version, by key."""
    new = distributed.objects.keys(BUCKET) - before
    found = {key: one for key, one in manifests(distributed, new) if one["job_id"] == job["id"]}
    assert found.pop(blob_key(job["digest"]))["attempt"] == job["attempt"]
    return found


def assert_one_version(distributed: Distributed, api: Api, job: Json, *, late: dict[str, dict[str, Any]]) -> None:
    """The job made one version, of its last attempt; whatever else was stored is referred to by nobody."""
    made = api.version_of(job)
    assert [version["version"] for version in api.versions("contested")] == [1]
    assert made["digest"] == job["digest"]
    manifest = distributed.objects.manifest(job["digest"])
    assert (manifest["job_id"], manifest["attempt"]) == (job["id"], job["attempt"])
    ends = {"job.completed", "model.registered"}
    told = read_until(api, lambda seen: ends <= types_of(job, seen).keys())
    types = types_of(job, told)
    assert [types[end] for end in ends] == [1, 1], types
    known = json.dumps([job, made, [seen.event for seen in told]])
    for key, left in late.items():
        assert left["epoch"] < manifest["epoch"]
        assert key.rpartition("/")[2] not in known
    assert job["digest"] in known
    assert distributed.objects.bundle(job["digest"])  # whoever removes late outputs leaves what the version shares


def types_of(job: Json, seen: list[Seen]) -> Counter[str]:
    """The types of the events that name a job."""
    return Counter(each.type for each in seen if job["id"] in json.dumps(each.data))


def manifests(distributed: Distributed, keys: set[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The signed manifests among some objects, by key."""
    for key in keys:
        data = distributed.objects.read(BUCKET, key)
        if data.startswith(MANIFEST):
            yield key, json.loads(data)["manifest"]


@contextmanager
def second_runner(distributed: Distributed, **settings: str) -> Iterator[Runner]:
    """Another runner of the pipeline service for the block."""
    first, name, port = distributed.roles["pipeline-runner"].process, "pipeline-runner-2", free_port()
    own = {"SKYULF_HOME": str(distributed.folder / name), "SKYULF_PIPELINE_HEALTH_PORT": str(port), **settings}
    process = ServiceProcess(
        first.command, name=name, folder=distributed.folder, env={**first.env, **own}, marker=distributed.marker
    )
    runner = Runner(process, port)
    process.start()
    try:
        runner.wait_ready()
        yield runner
        assert process.terminate() == 0, process.log_text()[-4000:]
    finally:
        process.kill()  # whatever went wrong: one runner too many would take the jobs of other tests
