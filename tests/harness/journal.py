"""What clients were told while something was broken, and whether it became true afterwards."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from harness import configs, constants
from harness.api import ENDED, Api, Json
from harness.form import Skyulf
from harness.ledger import Keeper, assert_told_once

# a service or server is away or full, and whoever asks is told so; anything else of 500 and above is a crash
AWAY = {502, 503, 504}
FULL = 507
PROBLEM = "application/problem+json"


class Journal(Api):
    """A client that notes every answer; ``crashed`` are those that nobody should ever see."""

    def __init__(self, url: str, key: str | None, *, project_id: str = "", **headers: str) -> None:
        super().__init__(url, key, project_id=project_id, **headers)
        self.told: Counter[int] = Counter()
        self.crashed: list[str] = []

    @classmethod
    def of(cls, api: Api) -> "Journal":
        """Another client with the same key."""
        return cls(api.url, api.key, project_id=api.project_id)

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Make a call and note what it was told."""
        answer = super().call(method, path, **options)
        self.told[answer.status_code] += 1
        honest = answer.status_code in AWAY | {FULL} and answer.headers["Content-Type"] == PROBLEM
        if answer.status_code >= 500 and not honest:
            self.crashed.append(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer

    @property
    def away(self) -> int:
        """How many calls were told to come back."""
        return sum(self.told[status] for status in AWAY)


@dataclass
class Work:
    """Work that was accepted: datasets and jobs by their ids."""

    datasets: list[str] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)

    def upload(self, api: Api) -> None:
        """Upload a file, again and again until it is accepted."""
        headers, data = {"Content-Type": "text/csv"}, configs.tiny_data(60 + len(self.datasets))
        self.datasets.append(api.patient("POST", "/datasets", content=data, headers=headers)["id"])

    def run(self, api: Api, pipeline_id: str, dataset_id: str) -> None:
        """Queue a job, again and again until it is accepted."""
        body = {"dataset_id": dataset_id}
        self.jobs.append(api.patient("POST", f"/pipelines/{pipeline_id}/runs", json=body)["id"])

    def settled(self, api: Api, *, seconds: float = 120) -> float:
        """Wait until all of it has ended well; returns the seconds that took."""
        began = time.monotonic()
        for dataset in self.datasets:
            api.eventually(lambda known=dataset: api.knows_dataset(known), what=f"dataset {dataset}", seconds=seconds)
        for job in self.jobs:
            api.eventually(lambda job=job: api.steady(f"/jobs/{job}")["status"] in ENDED, what=job, seconds=seconds)
        taken = time.monotonic() - began
        assert [api.dataset(each)["status"] for each in self.datasets] == ["ready"] * len(self.datasets)
        assert [api.job(each)["status"] for each in self.jobs] == ["succeeded"] * len(self.jobs)
        return taken

    def assert_once(self, api: Api, model: str, keeper: Keeper) -> int:
        """Each job made one version, and all of it was told once; returns how many events that were."""
        api.eventually(lambda: len(api.versions(model)) >= len(self.jobs), what="all versions", seconds=120)
        told = assert_told_once(keeper, api, datasets=self.datasets, jobs=self.jobs)
        versions = api.versions(model)
        assert Counter(version["lineage"]["job_id"] for version in versions) == Counter(self.jobs)
        assert sorted(version["version"] for version in versions) == list(range(1, len(self.jobs) + 1))
        return told


@contextmanager
def predicting(api: Api, deployment: str) -> Iterator[Journal]:
    """Predict all the time for as long as the block takes; each answer must be that of the version it names."""
    over, client, failures = threading.Event(), Journal.of(api), list[BaseException]()

    def ask() -> None:
        try:
            while not over.wait(0.05):
                answer = client.call("POST", f"/deployments/{deployment}/predict", json={"rows": constants.ROWS})
                if answer.status_code == 200:
                    constants.check(answer.json())
        except BaseException as error:  # shown by whoever waits for the end
            failures.append(error)

    thread = threading.Thread(target=ask, name="predicting")
    thread.start()
    try:
        yield client
    finally:
        over.set()
        thread.join()
        client.http.close()
    if failures:
        raise failures[0]


def letters(skyulf: Skyulf) -> list[Json]:
    """All events that a service gave up on."""
    with skyulf.admin() as admin:
        page = admin.until("/dead-letters?limit=100", lambda found: found["unavailable"] == [])
        found: list[Json] = page["items"]
        return found
