"""kill -9 of any process, again and again, while runs are submitted: every run makes one model version."""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from harness import configs
from harness.distributed import Distributed
from harness.promises import Figures

EVERY_SECONDS = 2.0
SHORT = pytest.param(3, marks=pytest.mark.timeout(420))
LONG = pytest.param(30, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])


@pytest.mark.promise("R1")
@pytest.mark.parametrize("runs", [SHORT, LONG])
def test_as_many_versions_as_runs(distributed: Distributed, runs: int, figures: Figures) -> None:
    with distributed.project() as api:
        dataset = api.ready_dataset(configs.tiny_data())
        body = {"name": "chaos", "config": configs.tiny(), "register_as": "chaos"}
        pipeline = api.ok("POST", "/pipelines", json=body)
        path, run = f"/pipelines/{pipeline['id']}/runs", {"dataset_id": dataset["id"]}

        with distributed.orchestrated(), killing(distributed) as killed:
            jobs = [api.patient("POST", path, key=f"run-{number}", json=run)["id"] for number in range(runs)]
            again = [api.patient("POST", path, key=f"run-{number}", json=run)["id"] for number in range(runs)]
            ended = [api.ended(job) for job in jobs]
            api.eventually(lambda: len(killed) >= 3, what="three processes were killed, however quick the runs are")
        assert again == jobs

        assert [job["error"] for job in ended if job["status"] != "succeeded"] == []
        api.eventually(lambda: len(api.versions("chaos")) >= runs, what=f"{runs} versions", seconds=120)
        time.sleep(2)  # whatever would come twice comes now
        versions = api.versions("chaos")

    assert Counter(version["lineage"]["job_id"] for version in versions) == Counter(jobs)
    assert sorted(version["version"] for version in versions) == list(range(1, runs + 1))
    figures(f"{runs} runs, {len(killed)} processes killed: {len(versions)} versions, none twice")


@contextmanager
def killing(distributed: Distributed) -> Iterator[list[str]]:
    """Kill a process every two seconds for as long as the block takes; gives the names of those killed."""
    killed: list[str] = []
    over = threading.Event()
    chance = random.Random(11)

    def kill() -> None:
        while not over.wait(EVERY_SECONDS):
            role = distributed.roles[chance.choice(list(distributed.roles))]
            if role.process.alive:
                role.process.kill()
                killed.append(role.name)

    thread = threading.Thread(target=kill, name="killer")
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join()
