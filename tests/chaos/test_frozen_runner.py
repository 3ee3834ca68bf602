"""A runner is frozen long enough to lose its job to another one, and wakes up in the middle of it."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from harness import configs, flights
from harness.api import Api, Json
from harness.distributed import Distributed
from harness.labour import at_work, begun
from harness.stream import read_stream
from skyulf_service.testing.ports import free_port
from skyulf_service.testing.processes import ServiceProcess, running

BUCKET = "skyulf-pipeline"
LEASE_SECONDS = 2.0  # as the harness sets it
LEASES = 3


@dataclass(frozen=True)
class Runner:
    """A runner's process, and the port of its health."""

    process: ServiceProcess
    port: int

    def wait_ready(self) -> None:
        """Wait until it says that it is ready."""
        self.process.wait_ready(f"http://127.0.0.1:{self.port}/readyz", timeout=90)


def test_a_runner_that_sleeps_through_three_leases_changes_nothing_when_it_wakes(distributed: Distributed) -> None:
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
            ended = api.job(job["id"], seconds=180)
            api.eventually(lambda: time.monotonic() - asleep > LEASES * LEASE_SECONDS, what="three leases are over")
        finally:
            frozen.process.resume()
        api.eventually(lambda: not any(running(worker) for worker in workers), what="the late processes are gone")
        api.eventually(lambda: not at_work(distributed), what="nobody works on the job any more")
        for runner in runners:
            runner.wait_ready()

        assert (ended["status"], ended["attempt"]) == ("succeeded", 2), ended
        assert_one_version(distributed, api, ended, new=distributed.objects.keys(BUCKET) - before)
        tiny = api.ready_dataset(configs.tiny_data())
        assert api.train(configs.tiny(), tiny["id"], register_as="next")["version"] == 1
        assert api.ok("GET", f"/jobs/{job['id']}") == ended


def assert_one_version(distributed: Distributed, api: Api, job: Json, *, new: set[str]) -> None:
    """The job made one version, of its second attempt; whatever else was stored is referred to by nobody."""
    made = api.version_of(job)
    assert [version["version"] for version in api.versions("contested")] == [1]
    assert made["digest"] == job["digest"]
    manifest = distributed.objects.manifest(job["digest"])
    assert (manifest["job_id"], manifest["attempt"]) == (job["id"], 2)
    late = [found for found in manifests(distributed, new) if found != manifest and found["job_id"] == job["id"]]
    assert all(found["epoch"] < manifest["epoch"] for found in late)
    told = [seen.type for seen in read_stream(api)]
    assert (told.count("job.completed"), told.count("model.registered")) == (1, 1)


def manifests(distributed: Distributed, keys: set[str]) -> Iterator[dict[str, Any]]:
    """The signed manifests among some objects."""
    for key in keys:
        data = distributed.objects.read(BUCKET, key)
        if data.startswith(b'{"manifest":'):
            manifest: dict[str, Any] = json.loads(data)["manifest"]
            yield manifest


@contextmanager
def second_runner(distributed: Distributed) -> Iterator[Runner]:
    """Another runner of the pipeline service for the block."""
    first, name, port = distributed.roles["pipeline-runner"].process, "pipeline-runner-2", free_port()
    own = {"SKYULF_HOME": str(distributed.folder / name), "SKYULF_PIPELINE_HEALTH_PORT": str(port)}
    process = ServiceProcess(
        first.command, name=name, folder=distributed.folder, env={**first.env, **own}, marker=distributed.marker
    )
    runner = Runner(process, port)
    process.start()
    try:
        runner.wait_ready()
        yield runner
    finally:
        assert process.terminate() == 0, process.log_text()[-4000:]
