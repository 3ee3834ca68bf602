"""More replicas and fewer, while predictions are asked for: every one is answered, by every replica."""

import threading
import time
from collections import Counter
from types import TracebackType
from typing import Self

from harness import constants
from harness.api import ENDED, Api
from harness.composed import Composed
from harness.configs import tiny, tiny_data
from skyulf_service.ports import api_port, health_port

CLIENTS = 4
JOBS = 16
SETTLED_SECONDS = 30.0  # connections are renewed, names looked up anew


class Load:
    """Clients that predict all the time; ``answered`` counts versions, ``failed`` keeps what was not answered."""

    def __init__(self, api: Api, deployment: str) -> None:
        self.answered: Counter[int] = Counter()
        self.failed: list[str] = []
        self._api, self._deployment = api, deployment
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(CLIENTS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(60)

    def _run(self) -> None:
        with self._api.with_headers() as api:
            while not self._over.is_set():
                answer = api.call("POST", f"/deployments/{self._deployment}/predict", json={"rows": constants.ROWS})
                if answer.status_code == 200:
                    self.answered[constants.check(answer.json())] += 1
                else:
                    self.failed.append(f"{answer.status_code} {answer.text[:200]}")
                time.sleep(0.01)


def test_scaling_up_and_down_loses_no_prediction_and_every_replica_works(running: Composed) -> None:
    with running.project() as api:
        constants.opposites(api, "scaled")
        assert api.deploy("scaled", "scaled", 1)["replicas"] == 1
        with Load(api, "scaled") as load:
            running.up("--scale", "inference-api=3")
            api.until("/deployments/scaled", lambda found: found["replicas"] == 3)
            before = predictions(running)
            time.sleep(SETTLED_SECONDS)
            # of all three only from now on: the first has answered since it was alone
            served = predictions(running) - before
            running.up()
            api.until("/deployments/scaled", lambda found: found["replicas"] == 1)
            time.sleep(2)

        print(f"answered {sum(load.answered.values())}, by replica {served}, failed {len(load.failed)}")
        assert load.failed == []
        assert len(before) == 3
        assert served.keys() == before.keys(), served


def test_runners_share_the_work_and_lose_none_when_one_goes(running: Composed) -> None:
    with running.project() as api:
        data = api.ready_dataset(tiny_data())
        running.up("--scale", "pipeline-runner=2")
        before = taken_jobs(running)
        assert len(before) == 2
        jobs = [queued(api, number, data["id"]) for number in range(JOBS)]
        both = api.eventually(
            lambda: taken if len(taken := taken_jobs(running) - before) == 2 else None,
            what=f"each of {sorted(before)} has taken a job", seconds=120,
        )  # fmt: skip
        left = [job for job in jobs if api.ok("GET", f"/jobs/{job}")["status"] not in ENDED]
        running.up()
        ended = [api.job(job, seconds=240) for job in jobs]
        versions = [api.version_of(job)["version"] for job in ended]

        print(f"{len(jobs)} jobs, taken by {both}; one runner went with {len(left)} of them not yet done")
        assert left, "a runner that goes when all is done could lose nothing"
        assert len(running.containers("pipeline-runner")) == 1
        assert [job["status"] for job in ended] == ["succeeded"] * len(jobs)
        assert versions == [1] * len(jobs), "each job registered one version"


def queued(api: Api, number: int, dataset_id: str) -> str:
    """Queue a job that makes a model of its own; returns its id."""
    body = {"name": f"p{number}", "config": tiny(), "register_as": f"m{number}"}
    pipeline = api.ok("POST", "/pipelines", json=body)
    made: str = api.ok("POST", f"/pipelines/{pipeline['id']}/runs", json={"dataset_id": dataset_id})["id"]
    return made


def predictions(running: Composed) -> Counter[str]:
    """How many predictions each replica has answered."""
    wanted = {'route="/api/v1/deployments/{name}/predict"', 'status="200"'}
    return counted(running, "inference-api", api_port("inference"), "skyulf_http_request_seconds_count", wanted)


def taken_jobs(running: Composed) -> Counter[str]:
    """How many jobs each runner has taken on."""
    port = health_port("pipeline", "runner")
    return counted(running, "pipeline-runner", port, "skyulf_work_wait_seconds_count", {'queue="jobs"'})


def counted(running: Composed, service: str, port: int, metric: str, labels: set[str]) -> Counter[str]:
    """What each running container of a service says of itself: the sum of a metric's series that have some labels."""
    code = f"import urllib.request as r; print(r.urlopen('http://127.0.0.1:{port}/metrics').read().decode())"
    found = Counter[str]()
    for container in (each["Name"] for each in running.containers(service) if each["State"] == "running"):
        number = container.rpartition("-")[2]
        text = running.compose("exec", "-T", "--index", number, service, "python", "-c", code)
        series = [line for line in text.splitlines() if line.startswith(metric) and all(one in line for one in labels)]
        found[container] = int(sum(float(line.rpartition(" ")[2]) for line in series))
    return found
