"""kill -9 of any process, again and again, while runs are submitted: every run has one effect, told once."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
from harness import configs
from harness.api import Api
from harness.distributed import Distributed
from harness.journal import Work, letters
from harness.ledger import told_twice
from harness.promises import Figures
from harness.stream import read_until

EVERY_SECONDS = 2.0
SHORT = pytest.param(3, marks=pytest.mark.timeout(420))
LONG = pytest.param(30, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])
# what a second end of a job looks like: another event, of a later state of the job
PLANT = """
    INSERT INTO outbox (event_id, topic, type, source, data_schema, aggregate_id, aggregate_version, project_id, body,
                        occurred_at)
    SELECT $2::uuid, topic, type, source, data_schema, aggregate_id, aggregate_version + 1, project_id,
           replace(body, event_id::text, $2::uuid::text), occurred_at
    FROM outbox WHERE aggregate_id = $1 AND type = 'io.skyulf.job.completed.v1'
"""


@pytest.mark.promise("R1")
@pytest.mark.parametrize("runs", [SHORT, LONG])
def test_each_run_has_one_effect_whoever_is_killed(distributed: Distributed, runs: int, figures: Figures) -> None:
    with distributed.project() as api:
        dataset, path = api.ready_dataset(configs.tiny_data()), runs_of(api, "chaos")
        run, parked = {"dataset_id": dataset["id"]}, letters(distributed)

        with distributed.orchestrated(), killing(distributed) as killed:
            jobs = [api.patient("POST", path, key=f"run-{number}", json=run)["id"] for number in range(runs)]
            again = [api.patient("POST", path, key=f"run-{number}", json=run)["id"] for number in range(runs)]
            ended = [api.ended(job) for job in jobs]
            api.eventually(lambda: len(killed) >= 3, what="three processes were killed, however quick the runs are")
        assert again == jobs
        assert [job["error"] for job in ended if job["status"] != "succeeded"] == []
        events = Work([dataset["id"]], jobs).assert_once(api, "chaos", distributed)

        assert letters(distributed) == parked
    figures(
        f"{runs} runs, {len(killed)} processes killed: {runs} ends, {runs} versions and {events} events, none told "
        "twice, none parked"
    )


def test_a_second_end_of_a_run_is_seen_though_the_registry_ignores_it(distributed: Distributed) -> None:
    with distributed.project() as api:
        dataset = api.ready_dataset(configs.tiny_data())
        job = api.ok("POST", runs_of(api, "twice"), json={"dataset_id": dataset["id"]})["id"]
        assert api.job(job)["status"] == "succeeded"
        work = Work([dataset["id"]], [job])
        work.assert_once(api, "twice", distributed)

        planted = uuid4()
        distributed.sql("pipeline", PLANT, job, planted)
        read_until(api, lambda seen: str(planted) in {each.event["id"] for each in seen})

        assert told_twice(distributed.outboxes(api.project_id)) == {("job.completed", job): 2}
        with pytest.raises(AssertionError, match="told more than once"):
            work.assert_once(api, "twice", distributed)
        assert len(api.versions("twice")) == 1


def runs_of(api: Api, name: str) -> str:
    """Where runs of a new pipeline are asked for, whose model has its name."""
    pipeline = api.ok("POST", "/pipelines", json={"name": name, "config": configs.tiny(), "register_as": name})
    return f"/pipelines/{pipeline['id']}/runs"


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
