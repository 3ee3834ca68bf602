"""A cancelled job stops: within seconds, with its process, and without a model."""

import time

import psutil
from harness import configs, flights
from harness.distributed import Distributed
from harness.form import Skyulf

SECONDS = 5.0


def test_a_running_job_is_cancelled_with_its_process(skyulf: Skyulf) -> None:
    with skyulf.project() as api:
        dataset = api.ready_dataset(flights.csv(flights.training()))
        body = {"name": "endless", "config": configs.slow(), "register_as": "endless"}
        pipeline = api.ok("POST", "/pipelines", json=body)
        before = skyulf.objects.keys("skyulf-pipeline")
        job = api.ok("POST", f"/pipelines/{pipeline['id']}/runs", json={"dataset_id": dataset["id"]})
        worker = api.eventually(lambda: hardest_worker(runner_of(skyulf)), what="a child trains")

        began = time.monotonic()
        api.ok("POST", f"/jobs/{job['id']}/cancel")
        ended = api.job(job["id"])
        while worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.02)
        seconds = time.monotonic() - began

        assert ended["status"] == "cancelled"
        assert seconds <= SECONDS
        time.sleep(1)
        assert skyulf.objects.keys("skyulf-pipeline") == before
        assert api.versions("endless") == []
        assert hardest_worker(runner_of(skyulf)) is None
        assert api.call("POST", f"/jobs/{job['id']}/cancel").status_code == 409
    print(f"{skyulf.form}: cancelled in {seconds:.2f} s")


def runner_of(skyulf: Skyulf) -> int:
    """The process whose children train."""
    if isinstance(skyulf, Distributed):
        return skyulf.roles["pipeline-runner"].process.pid
    return next(process.pid for process in skyulf.marker.alive())


def hardest_worker(pid: int) -> psutil.Process | None:
    """The child that uses a processor for itself, if there is one."""
    children = psutil.Process(pid).children(recursive=True)
    for child in children:
        child.cpu_percent()
    time.sleep(0.4)
    working = [child for child in children if child.is_running() and child.cpu_percent() > 25]
    return working[0] if working else None
