"""The object store is away when a job wants to store what it has made: the model waits, and is not made again."""

import time

import pytest
from harness import flights
from harness.distributed import Distributed
from harness.labour import begun
from harness.promises import Figures
from skyulf_pipeline.service.patience import STORE


@pytest.mark.promise("R1")
@pytest.mark.timeout(300)
def test_a_model_that_is_made_waits_for_the_object_store(distributed: Distributed, figures: Figures) -> None:
    with distributed.project() as api:
        dataset = api.ready_dataset(flights.csv(flights.training()))
        job, _ = begun(distributed, api, dataset["id"], name="patient", rounds=400)
        distributed.s3.stop()
        try:
            api.until(f"/jobs/{job['id']}", lambda found: found["step"] == STORE)
        finally:
            distributed.s3.start()
        back = time.monotonic()
        ended = api.job(job["id"])
        seconds = time.monotonic() - back

        assert (ended["status"], ended["attempt"]) == ("succeeded", 1), ended
        version = api.version_of(ended)
        assert distributed.objects.bundle(version["digest"])
        assert len(api.versions("patient")) == 1
        assert api.deploy("patient", "patient", 1)["status"] == "ready"
    figures(f"1 model made without an object store: kept, stored {seconds:.1f} s after its return, trained once")
