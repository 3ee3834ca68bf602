"""Systems whose traces are collected, and a story in one trace."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from harness import configs
from harness.api import Api
from harness.distributed import Distributed
from harness.embedded import Embedded
from harness.form import Skyulf, started
from harness.otlp import TraceReceiver
from observability.promtool import RULES
from skyulf_service.testing.handles import KafkaBroker, PostgresServer, S3Server
from skyulf_service.testing.hub import LocalHub
from skyulf_service.testing.prometheus import NativePrometheus


@dataclass
class Observed:
    """A running system, and who collects its spans. ``prometheus`` scrapes all of its processes."""

    skyulf: Skyulf
    receiver: TraceReceiver
    prometheus: NativePrometheus


@pytest.fixture(scope="session")
def observed_embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    """One process."""
    with TraceReceiver() as receiver:
        running = Embedded(tmp_path_factory.mktemp("observed"), receiver.environment)
        targets = {"up": f"127.0.0.1:{running.port}"}
        with started(running), NativePrometheus(targets, rules=RULES) as prometheus:
            yield Observed(running, receiver, prometheus)


@pytest.fixture(scope="session")
def observed_distributed(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer
) -> Iterator[Observed]:
    """Thirteen processes on Kafka, PostgreSQL and S3."""
    hub = LocalHub()
    try:
        kafka, s3 = KafkaBroker(hub), S3Server(hub)
        with TraceReceiver() as receiver:
            running = Distributed(
                tmp_path_factory.mktemp("observed"), kafka=kafka, postgres=postgres_server, s3=s3,
                settings=receiver.environment,
            )  # fmt: skip
            targets = {role.name: f"127.0.0.1:{role.port}" for role in running.roles.values()}
            with started(running), NativePrometheus(targets, rules=RULES) as prometheus:
                yield Observed(running, receiver, prometheus)
    finally:
        hub.close()


FORMS = ["embedded", pytest.param("distributed", marks=pytest.mark.slow)]


@pytest.fixture(scope="session", params=FORMS)
def observed(request: pytest.FixtureRequest) -> Observed:
    """A system in each form."""
    found: Observed = request.getfixturevalue(f"observed_{request.param}")
    return found


@dataclass
class Story:
    """From a file to a prediction: what a person asked for has one trace, what a program looked up has none."""

    observed: Observed
    api: Api
    trace_id: str
    dataset_id: str
    pipeline_id: str


@pytest.fixture(scope="session")
def story(observed: Observed) -> Iterator[Story]:
    """Upload, train, deploy, predict."""
    trace_id = secrets.token_hex(16)
    api = observed.skyulf.project()
    traced = api.with_headers(traceparent=f"00-{trace_id}-{secrets.token_hex(8)}-01")
    uploaded = traced.upload(configs.tiny_data(), name="seen")
    api.dataset(uploaded["id"])
    api.eventually(lambda: api.knows_dataset(uploaded["id"]), what="pipelines know the dataset")
    body = {"name": "seen", "config": configs.tiny(), "register_as": "seen"}
    pipeline = api.ok("POST", "/pipelines", json=body)
    run = {"dataset_id": uploaded["id"]}
    job = api.job(traced.ok("POST", f"/pipelines/{pipeline['id']}/runs", json=run)["id"])
    assert job["status"] == "succeeded", job
    version = api.version_of(job)["version"]
    wanted = traced.ok("POST", "/deployments", json={"name": "seen", "model": "seen", "version": version})
    assert api.deployment("seen", revision=wanted["revision"])["status"] == "ready"
    assert len(traced.predict("seen", [{"x": 5, "y": 1}, {"x": 1, "y": 9}])["predictions"]) == 2
    yield Story(observed, api, trace_id, uploaded["id"], pipeline["id"])
    traced.http.close()
    api.http.close()
