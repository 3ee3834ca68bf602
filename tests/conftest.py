"""Both forms of Skyulf, each started once per session at the first wish."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.distributed import Distributed
from harness.embedded import Embedded
from harness.form import Skyulf
from skyulf_service.testing.handles import KafkaBroker, PostgresServer, S3Server
from skyulf_service.testing.hub import LocalHub

FOLDER = Path(__file__).parent
WITH_FORMS = {"e2e", "chaos"}


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """Skyulf in one process."""
    running = Embedded(tmp_path_factory.mktemp("embedded"))
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def distributed(tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer) -> Iterator[Distributed]:
    """Skyulf in thirteen processes.

    Kafka and S3 are its own: tests stop them, and the records and objects of other tests stay away.
    """
    hub = LocalHub()
    try:
        kafka, s3 = KafkaBroker(hub), S3Server(hub)
        folder = tmp_path_factory.mktemp("distributed")
        running = Distributed(folder, kafka=kafka, postgres=postgres_server, s3=s3)
        running.start()
        yield running
        running.stop()
    finally:
        hub.close()


@pytest.fixture(scope="session", params=["embedded", "distributed"])
def skyulf(request: pytest.FixtureRequest) -> Skyulf:
    """Skyulf in each of its forms: the tests do not know which."""
    running: Skyulf = request.getfixturevalue(request.param)
    return running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep what needs a whole form in one worker of pytest-xdist: each form is started once, not once per worker."""
    for item in items:
        if item.path.is_relative_to(FOLDER) and item.path.parent.name in WITH_FORMS:
            item.add_marker(pytest.mark.xdist_group("forms"))
