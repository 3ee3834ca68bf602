"""A cancelled job stops: within seconds, with its processes, and without a model."""

import random
import time
from collections import Counter

import pytest
from harness import configs, flights
from harness.form import Skyulf
from harness.labour import at_work, begun
from harness.promises import Figures
from skyulf_service.testing.processes import running

SECONDS = 5.0
LENGTHY = 10_000
MOMENTS, LONGEST = 12, 4.0


@pytest.mark.promise("R20")
def test_a_running_job_is_cancelled_with_its_processes(skyulf: Skyulf, figures: Figures) -> None:
    with skyulf.project() as api:
        dataset = api.ready_dataset(flights.csv(flights.training()))
        before = skyulf.objects.keys("skyulf-pipeline")
        job, workers = begun(skyulf, api, dataset["id"], name="endless", rounds=LENGTHY)

        began = time.monotonic()
        api.ok("POST", f"/jobs/{job['id']}/cancel")
        ended = api.job(job["id"])
        while (any(map(running, workers)) or at_work(skyulf)) and time.monotonic() < began + 60:
            time.sleep(0.02)
        seconds = time.monotonic() - began

        assert ended["status"] == "cancelled"
        assert seconds <= SECONDS
        assert at_work(skyulf) == []
        assert api.call("POST", f"/jobs/{job['id']}/cancel").status_code == 409
        assert skyulf.objects.keys("skyulf-pipeline") <= before  # of other projects something may be removed
        assert api.versions("endless") == []
    figures(f"{skyulf.form}: all processes gone after {seconds:.2f} s")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.promise("R20")
def test_a_job_that_is_cancelled_at_any_moment_stops_or_has_ended_well(skyulf: Skyulf, figures: Figures) -> None:
    chance, outcomes, slowest = random.Random(20), Counter[str](), 0.0
    with skyulf.project() as api:
        dataset = api.ready_dataset(configs.tiny_data())
        body = {"name": "cut", "config": configs.tiny(), "register_as": "cut"}
        pipeline = api.ok("POST", "/pipelines", json=body)
        for _ in range(MOMENTS):
            job = api.ok("POST", f"/pipelines/{pipeline['id']}/runs", json={"dataset_id": dataset["id"]})
            time.sleep(chance.uniform(0, LONGEST))
            cancelled, began = api.call("POST", f"/jobs/{job['id']}/cancel"), time.monotonic()
            ended = api.job(job["id"])
            api.eventually(lambda: not at_work(skyulf), what="nobody works on it")
            slowest = max(slowest, time.monotonic() - began)
            outcomes[ended["status"]] += 1
            # too late is too late: the job says that it has ended, and its model is there
            assert (cancelled.status_code, ended["status"]) in (
                (202, "cancelled"),
                (202, "succeeded"),
                (409, "succeeded"),
            )
            # what it had stored by then is garbage for the collector; nothing names it
            assert (ended["status"] == "succeeded") == (ended["digest"] is not None), (
                "a cancelled job publishes nothing"
            )
        api.eventually(lambda: len(api.versions("cut")) >= outcomes["succeeded"], what="versions of what succeeded")
        assert len(api.versions("cut")) == outcomes["succeeded"]

    assert outcomes["cancelled"] > 0
    assert slowest <= SECONDS
    figures(f"{skyulf.form}: cancelled at {MOMENTS} moments: {dict(outcomes)}, nobody at work {slowest:.1f} s after")
