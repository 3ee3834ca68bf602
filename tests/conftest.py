"""All forms of Skyulf, each started once per session at the first wish.

``FORM=compose`` lets the same tests look at the containers of `docker compose up`, which takes an engine and minutes,
``FORM=kubernetes`` at the manifests' pods as processes.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from harness.composed import Composed
from harness.distributed import Distributed
from harness.embedded import Embedded
from harness.form import LEASE_SECONDS, NODE_FILES, Skyulf, started
from k8s.cluster import Cluster
from k8s.manifests import prepared
from skyulf_service.testing.handles import KafkaBroker, PostgresServer, S3Server
from skyulf_service.testing.hub import LocalHub

FOLDER = Path(__file__).parent
WITH_FORMS = {"e2e", "chaos"}
ELSEWHERE = {"compose": "composed", "kubernetes": "cluster"}
FORMS = [ELSEWHERE[os.environ["FORM"]]] if "FORM" in os.environ else ["embedded", "distributed"]


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """Skyulf in one process."""
    with started(Embedded(tmp_path_factory.mktemp("embedded"))) as running:
        yield running


@pytest.fixture(scope="session")
def distributed(tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer) -> Iterator[Distributed]:
    """Skyulf in thirteen processes."""
    with servers_of_its_own() as (kafka, s3):
        folder = tmp_path_factory.mktemp("distributed")
        with started(Distributed(folder, kafka=kafka, postgres=postgres_server, s3=s3)) as running:
            yield running


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer) -> Iterator[Cluster]:
    """The pods of the manifests' overlay for one machine, with leases short enough to wait for."""
    overlay = prepared(tmp_path_factory.mktemp("manifests")) / "overlays/local"
    settings = {
        "SKYULF_INGESTION_LEASE_SECONDS": str(LEASE_SECONDS),
        "SKYULF_PIPELINE_JOB_LEASE": f"PT{LEASE_SECONDS}S",
        "SKYULF_PIPELINE_NODE_FILES": str(NODE_FILES),
    }
    with servers_of_its_own() as (kafka, s3):
        folder = tmp_path_factory.mktemp("cluster")
        with started(Cluster(folder, overlay, kafka=kafka, postgres=postgres_server, s3=s3, settings=settings)) as made:
            yield made


@contextmanager
def servers_of_its_own() -> Iterator[tuple[KafkaBroker, S3Server]]:
    """Kafka and S3 for one installation: tests stop them, and the records and objects of other tests stay away."""
    hub = LocalHub()
    try:
        yield KafkaBroker(hub), S3Server(hub)
    finally:
        hub.close()


@pytest.fixture(scope="session")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    """Skyulf in containers, from new volumes; at the end every container has to end well."""
    with started(Composed(tmp_path_factory.mktemp("composed"))) as running:
        yield running


@pytest.fixture(scope="session", params=FORMS)
def skyulf(request: pytest.FixtureRequest) -> Skyulf:
    """Skyulf in each of its forms: the tests do not know which."""
    running: Skyulf = request.getfixturevalue(request.param)
    return running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep what needs a whole form in one worker of pytest-xdist: each form is started once, not once per worker."""
    for item in items:
        if item.path.is_relative_to(FOLDER) and item.path.parent.name in WITH_FORMS:
            item.add_marker(pytest.mark.xdist_group("forms"))
