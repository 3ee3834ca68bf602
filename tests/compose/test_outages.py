"""Servers that restart in the middle of everything: nothing is lost, nothing happens twice."""

import threading
from collections import Counter

import pytest
from harness import constants
from harness.api import Api, Json
from harness.composed import Composed
from harness.configs import tiny, tiny_data
from harness.stream import Seen, read_until

BEFORE, DURING = 5, 2
OPEN = ("queued", "running")


@pytest.mark.parametrize("server", ["kafka", "postgres", "s3"])
def test_a_server_that_restarts_in_the_middle_loses_nothing(running: Composed, server: str) -> None:
    with running.project() as api:
        constants.opposites(api, "steady")
        assert api.deploy("steady", "steady", 1)["status"] == "ready"
        datasets = [upload(api, number) for number in range(BEFORE)]
        jobs = [train(api, dataset, number) for number, dataset in enumerate(datasets)]
        api.until(f"/jobs/{jobs[0]['id']}", lambda job: job["status"] != "queued")
        assert api.ok("GET", f"/jobs/{jobs[-1]['id']}")["status"] in OPEN
        restart = threading.Thread(target=running.compose, args=["restart", server])
        restart.start()
        for number in range(BEFORE, BEFORE + DURING):
            datasets.append(upload(api, number))
            jobs.append(train(api, datasets[-1], number))
        ended = [api.ended(job["id"], seconds=240) for job in jobs]
        restart.join()
        running.up()
        versions = [api.version_of(job)["version"] for job in ended]
        api.eventually(lambda: api.call("GET", "/models").status_code == 200, what="models are listed")

        assert [job["status"] for job in ended] == ["succeeded"] * len(jobs)
        assert versions == [1] * len(jobs), "each job registered one version"
        assert api.deploy("steady", "steady", 2)["status"] == "ready"
        assert constants.check(api.predict("steady", constants.ROWS)) == 2
        ends = {("dataset.profiled", dataset["id"]) for dataset in datasets}
        ends |= {("job.completed", job["id"]) for job in jobs}
        told = ends_told(read_until(api, lambda seen: ends <= ends_told(seen).keys()))
        assert {end: told[end] for end in ends} == dict.fromkeys(ends, 1)
    assert dead_letters(running) == []


def ends_told(seen: list[Seen]) -> Counter[tuple[str, str]]:
    """How often the stream tells of each event, by its type and subject."""
    return Counter((each.type, str(each.event["subject"])) for each in seen)


def upload(api: Api, number: int) -> Json:
    """Upload a file with a key, until it is taken; then wait until it is ready."""
    headers = {"Content-Type": "text/csv"}
    taken = api.patient("POST", "/datasets", params={"name": f"d{number}"}, content=tiny_data(), headers=headers)
    return api.eventually(lambda: ready(api, taken["id"]), what="the dataset", seconds=180)


def ready(api: Api, dataset_id: str) -> Json | None:
    """The dataset, when it is ready and the pipeline service knows it."""
    found = api.steady(f"/datasets/{dataset_id}")
    return found if found["status"] == "ready" and api.knows_dataset(dataset_id) else None


def train(api: Api, dataset: Json, number: int) -> Json:
    """Queue a job for the dataset."""
    body = {"name": f"p{number}", "config": tiny(), "register_as": f"m{number}"}
    pipeline = api.patient("POST", "/pipelines", json=body)
    return api.patient("POST", f"/pipelines/{pipeline['id']}/runs", json={"dataset_id": dataset["id"]})


def dead_letters(running: Composed) -> list[Json]:
    """What consumers could not handle."""
    with running.admin() as admin:
        found: list[Json] = admin.ok("GET", "/dead-letters")["items"]
        return found
