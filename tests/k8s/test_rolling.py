"""Every Deployment runs as its manifest says, and is replaced while predictions are asked for: none fails."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from harness import configs, flights
from harness.api import Api
from k8s.cluster import Cluster
from k8s.manifests import Manifests
from skyulf_service.testing.handles import KafkaBroker, PostgresServer, S3Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


def test_the_story_runs_and_no_prediction_fails_while_everything_is_replaced(
    local: Manifests,
    kafka_broker: KafkaBroker,
    postgres_server: PostgresServer,
    s3_server: S3Server,
    tmp_path: Path,
) -> None:
    cluster = Cluster(local, tmp_path, kafka=kafka_broker, postgres=postgres_server, s3=s3_server)
    rows = flights.shuffled(flights.held_out(10))

    with cluster.running(), Api(cluster.url, cluster.admin_key) as admin:
        api = project(admin, cluster.url)
        told(api, "before")
        expected = api.predict("before", rows)["predictions"]
        with predicting(api, rows) as (answers, failures):
            for name in cluster.slots:
                cluster.roll(name)
        told(api, "after")
        assert api.predict("before", rows)["predictions"] == expected

    assert not failures
    assert len(answers) > 100
    assert all(each == expected for each in answers)


def project(admin: Api, url: str) -> Api:
    """A client with the owner's key of a new project."""
    made = admin.eventually(lambda: _made(admin), what="the first key")
    body = {"name": "owner", "scopes": ["owner"], "project_id": made["id"]}
    return Api(url, admin.ok("POST", "/api-keys", json=body)["key"], project_id=made["id"])


def told(api: Api, name: str) -> None:
    """From a file to a prediction: once more with what runs now."""
    dataset = api.ready_dataset(flights.csv(flights.training()), name=name)
    version = api.version_of(api.train(configs.logistic(), dataset["id"], register_as=name))
    api.deploy(name, name, version["version"])
    assert len(api.predict(name, flights.shuffled(flights.held_out(10)))["predictions"]) == 10


@contextmanager
def predicting(api: Api, rows: list[dict[str, object]]) -> Iterator[tuple[list[object], list[str]]]:
    """Ask for predictions all the time, two at a time; gives the answers and what went wrong."""
    over, answers, failures = threading.Event(), list[object](), list[str]()

    def ask() -> None:
        while not over.wait(0.02):
            try:
                answer = api.call("POST", "/deployments/before/predict", json={"rows": rows})
            except httpx.HTTPError as error:
                failures.append(repr(error))
                continue
            if answer.status_code == 200:
                answers.append(answer.json()["predictions"])
            else:
                failures.append(f"{answer.status_code} {answer.text}")

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield answers, failures
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _made(admin: Api) -> dict[str, str] | None:
    answer = admin.call("POST", "/projects", json={"slug": f"p-{uuid4().hex[:12]}"})
    return answer.json() if answer.status_code < 300 else None
