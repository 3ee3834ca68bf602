"""A cancelled job stops: within seconds, with its processes, and without a model."""

import time

from harness import flights
from harness.form import Skyulf
from harness.labour import at_work, begun

SECONDS = 5.0
LENGTHY = 10_000


def test_a_running_job_is_cancelled_with_its_processes(skyulf: Skyulf) -> None:
    with skyulf.project() as api:
        dataset = api.ready_dataset(flights.csv(flights.training()))
        before = skyulf.objects.keys("skyulf-pipeline")
        job, workers = begun(skyulf, api, dataset["id"], name="endless", rounds=LENGTHY)

        began = time.monotonic()
        api.ok("POST", f"/jobs/{job['id']}/cancel")
        ended = api.job(job["id"])
        while any(worker.is_running() for worker in workers) and time.monotonic() < began + 60:
            time.sleep(0.02)
        seconds = time.monotonic() - began

        assert ended["status"] == "cancelled"
        assert seconds <= SECONDS
        assert at_work(skyulf) == []
        assert api.call("POST", f"/jobs/{job['id']}/cancel").status_code == 409
        assert skyulf.objects.keys("skyulf-pipeline") == before
        assert api.versions("endless") == []
    print(f"{skyulf.form}: cancelled in {seconds:.2f} s")
