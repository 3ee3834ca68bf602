"""The disk of PostgreSQL or of the object store is full for a while, under work that was accepted and work that comes.

Whoever asks is told so, nothing partial shows, what was accepted is done once, and no process of Skyulf is started
again.
"""

import itertools
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
from harness import configs, constants
from harness.api import Api
from harness.cramped import DISKS, Cramped, Disk
from harness.journal import Journal, Work, letters, predicting
from harness.objects import S3
from harness.promises import Figures
from harness.refusals import refused
from skyulf_pipeline.service.patience import ROOM, STORE
from skyulf_service.objects.s3 import PART

TIMES, REFUSALS = 2, 5
FULL_SECONDS, SETTLED_SECONDS = 120.0, 300.0  # some dozens of jobs wait by then
BUCKET, OBJECTS = "skyulf-ingestion", 3  # of a dataset: its file, its table, its profile
MODELS = "skyulf-pipeline"
CSV = {"Content-Type": "text/csv"}
LONG = b"x,y\n" + b"1,2\n" * 5_000_000  # goes to the object store in three parts
# and so does a forest that has learned noise by heart
FOREST: configs.Config = {
    "steps": [{"node": "TrainTestSplit", "config": {"target": "y", "random_state": 1}}],
    "model": {"node": "random_forest_regressor", "config": {"n_estimators": 100, "random_state": 1}},
}
LISTS = {"upload": "/datasets", "run": "/jobs", "deployment": "/deployments", "key": "/api-keys"}
REFUSED: dict[Disk, set[str]] = {"postgresql": set(LISTS), "s3": {"upload"}}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@dataclass
class Asking:
    """A client that goes on asking: what was accepted is known by its id, what was refused is counted by its kind."""

    api: Journal
    pipeline: str
    known: str
    lengthy: tuple[str, str]
    accepted: dict[str, list[str]] = field(default_factory=lambda: {kind: [] for kind in LISTS})
    refused: Counter[str] = field(default_factory=Counter)
    asked: int = 0

    @property
    def work(self) -> Work:
        """What was accepted and takes its time."""
        return Work(self.accepted["upload"], self.accepted["run"])

    @property
    def told(self) -> str:
        """How much was refused and accepted, in words."""
        refused = ", ".join(f"{many} {kind}s" for kind, many in sorted(self.refused.items()))
        accepted = ", ".join(f"{len(ids)} {kind}s" for kind, ids in sorted(self.accepted.items()))
        return f"{refused} refused with 507; {accepted} accepted"

    def once(self, kind: str) -> None:
        """Ask for one thing of a kind."""
        self.asked += 1
        name = f"asked-{self.asked}"
        wanted: dict[str, tuple[str, dict[str, Any]]] = {
            "upload": ("/datasets", {"content": configs.tiny_data(60 + self.asked), "headers": CSV}),
            "run": (f"/pipelines/{self.pipeline}/runs", {"json": {"dataset_id": self.known}}),
            "deployment": ("/deployments", {"json": {"name": name, "model": "steady", "version": 1}}),
            "key": ("/api-keys", {"json": {"name": name, "scopes": ["viewer"]}}),
        }
        path, options = wanted[kind]
        answer = self.api.call("POST", path, **options)
        if answer.is_success:
            self.accepted[kind].append(answer.json()["id"])
            return
        assert refused(answer, 507)["type"] == "/problems/storage-full"
        self.refused[kind] += 1

    def train_large(self) -> str:
        """Begin a training whose model goes to the object store in parts; returns the job."""
        pipeline, dataset = self.lengthy
        job: str = self.api.ok("POST", f"/pipelines/{pipeline}/runs", json={"dataset_id": dataset})["id"]
        self.accepted["run"].append(job)
        self.api.until(f"/jobs/{job}", lambda found: found["status"] == "running")
        return job

    def until_refused(self, kinds: set[str]) -> None:
        """Ask until each of these kinds was refused often enough, and for the others as often as that."""
        most, deadline = {kind: self.refused[kind] + REFUSALS for kind in kinds}, time.monotonic() + FULL_SECONDS
        for number in itertools.count():
            open_kinds = [kind for kind in LISTS if self.refused[kind] < most.get(kind, 0) or number < REFUSALS]
            if not open_kinds:
                return
            for kind in open_kinds:
                self.once(kind)
            assert time.monotonic() < deadline, f"refused so far: {self.refused}"


class Shown:
    """What lists and the object store show beside what somebody asks for from now on."""

    def __init__(self, api: Api, objects: S3) -> None:
        self._api, self._objects = api, objects
        self._before = {kind: self._listed(kind) for kind in LISTS}
        self._keys = self._stored()

    def assert_accepted_only(self, asking: Asking) -> None:
        """Lists show what was accepted, and nothing of what was refused."""
        for kind, before in self._before.items():
            assert self._listed(kind) == before | set(asking.accepted[kind]), kind

    def assert_no_leftovers(self, asking: Asking) -> None:
        """All accepted uploads are stored, and nothing of others: no object, and no part of one."""
        assert len(self._stored() - self._keys) == OBJECTS * len(asking.accepted["upload"])
        assert self._objects.unfinished(BUCKET) + self._objects.unfinished(MODELS) == []

    def _listed(self, kind: str) -> set[str]:
        return {each["id"] for each in self._api.ok("GET", LISTS[kind], params={"limit": 200})["items"]}

    def _stored(self) -> set[str]:
        return self._objects.keys(BUCKET)


def store_in_vain(api: Api, job: str) -> None:
    """Send a file that goes to the object store in parts, and wait until a job has found no room for such a model."""
    answer = api.call("POST", "/datasets", content=LONG, headers=CSV)
    # where parts begin versitygw says no more than that it failed
    refused(answer, 503 if answer.status_code == 503 else 507)
    api.until(f"/jobs/{job}", lambda found: found["step"] in (ROOM, STORE), seconds=FULL_SECONDS)


def noise(rows: int = 4_000) -> bytes:
    """A table in which nothing can be learned but its rows."""
    draw = random.Random(1).random
    return "\n".join(["a,b,y", *(f"{draw():.6f},{draw():.6f},{draw():.6f}" for _ in range(rows)), ""]).encode()


@pytest.mark.promise("R17")
@pytest.mark.parametrize("disk", DISKS)
def test_a_server_without_room_refuses_and_all_goes_on_without_a_restart(
    cramped: Cramped, disk: Disk, figures: Figures
) -> None:
    with cramped.skyulf.project() as owner, Journal.of(owner) as api:
        constants.opposites(api, "steady")
        assert api.deploy("steady", "steady", 1)["replicas"] == 2
        known = api.ready_dataset(configs.tiny_data())["id"]
        pipeline, large = (
            api.ok("POST", "/pipelines", json={"name": name, "config": config, "register_as": "told"})["id"]
            for name, config in (("told", configs.tiny()), ("large", FOREST))
        )
        asking = Asking(api, pipeline, known, (large, api.ready_dataset(noise())["id"]))
        shown = Shown(api, cramped.skyulf.objects)
        pids, parked, slowest = cramped.skyulf.pids(), letters(cramped.skyulf), 0.0
        with predicting(api, "steady") as predictor:
            for _ in range(TIMES):
                job = asking.train_large() if disk == "s3" else ""
                for kind in LISTS:  # on its way while the disk becomes full
                    asking.once(kind)
                with cramped.disks[disk].full():
                    asking.until_refused(REFUSED[disk])
                    shown.assert_accepted_only(asking)
                    if disk == "s3":
                        store_in_vain(api, job)
                slowest = max(slowest, asking.work.settled(api, seconds=SETTLED_SECONDS))
                if disk == "s3":
                    assert max(map(len, cramped.skyulf.objects.bundle(api.job(job)["digest"]).values())) > PART
                shown.assert_accepted_only(asking)
                shown.assert_no_leftovers(asking)
        events = asking.work.assert_once(api, "told", cramped.skyulf)
        if disk == "s3":
            attempts = [job["attempt"] for job in api.ok("GET", "/jobs", params={"limit": 200})["items"]]
            assert set(attempts) == {1}, "what was made waits for room, and is not made again"

        assert (api.crashed, predictor.crashed) == ([], [])
        assert set(predictor.told) == {200}
        assert cramped.skyulf.pids() == pids, "no process has ended"
        assert letters(cramped.skyulf) == parked
        for each in api.ok("GET", "/deployments", params={"limit": 200})["items"]:
            assert api.deployment(each["name"], revision=1)["status"] == "ready"
        assert api.train(configs.tiny(), api.ready_dataset(configs.tiny_data())["id"], register_as="after")
        assert api.deploy("steady", "steady", 2)["replicas"] == 2
    figures(
        f"{disk} full {TIMES} times: {asking.told}, 0 lost, 0 twice of {events} events, 0 partial, "
        f"done {slowest:.0f} s after; {predictor.told[200]} predictions right; 0 restarts"
    )
