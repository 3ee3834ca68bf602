"""More replicas and fewer, while predictions are asked for: every one is answered, by every replica."""

import threading
import time
from collections import Counter
from types import TracebackType
from typing import Self

from harness import constants
from harness.api import Api
from harness.composed import Composed
from harness.configs import tiny, tiny_data

CLIENTS = 4
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
            running.up("--scale", "inference-api=3", "--scale", "pipeline-runner=2")
            api.until("/deployments/scaled", lambda found: found["replicas"] == 3)
            time.sleep(SETTLED_SECONDS)
            served = {name: predictions(running, name) for name in replicas(running)}
            running.up()
            api.until("/deployments/scaled", lambda found: found["replicas"] == 1)
            time.sleep(2)

        print(f"answered {sum(load.answered.values())}, by replica {served}, failed {len(load.failed)}")
        assert load.failed == []
        assert len(served) == 3
        assert all(served.values()), served


def test_runners_share_the_work_and_lose_none_when_one_goes(running: Composed) -> None:
    with running.project() as api:
        data = api.ready_dataset(tiny_data())
        running.up("--scale", "pipeline-runner=2")
        jobs = []
        for number in range(8):
            body = {"name": f"p{number}", "config": tiny(), "register_as": f"m{number}"}
            pipeline = api.ok("POST", "/pipelines", json=body)
            jobs.append(api.ok("POST", f"/pipelines/{pipeline['id']}/runs", json={"dataset_id": data["id"]}))
        running.up()
        ended = [api.job(job["id"], seconds=240)["status"] for job in jobs]

        assert ended == ["succeeded"] * len(jobs)


def replicas(running: Composed) -> list[str]:
    """The containers of inference's api."""
    return [each["Name"] for each in running.containers("inference-api") if each["State"] == "running"]


def predictions(running: Composed, container: str) -> int:
    """How many predictions a replica has answered, by its own metrics."""
    number = container.rpartition("-")[2]
    code = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8004/metrics').read().decode())"
    text = running.compose("exec", "-T", "--index", number, "inference-api", "python", "-c", code)
    lines = [line for line in text.splitlines() if line.startswith("skyulf_http_request_seconds_count")]
    return int(sum(float(line.rpartition(" ")[2]) for line in lines if "predict" in line and 'status="200"' in line))
