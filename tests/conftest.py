"""Both forms of Skyulf, each started once per session at the first wish."""

from collections.abc import Iterator

import pytest
from harness.distributed import Distributed
from harness.embedded import Embedded
from harness.form import Skyulf
from skyulf_service.testing.handles import PostgresServer, S3Server
from skyulf_service.testing.servers import choose


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """Skyulf in one process."""
    running = Embedded(tmp_path_factory.mktemp("embedded"))
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def distributed(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer, s3_server: S3Server
) -> Iterator[Distributed]:
    """Skyulf in thirteen processes; Kafka is its own, so that tests may stop it and other tests' records stay away."""
    kafka = choose("kafka")
    kafka.start()
    try:
        running = Distributed(
            tmp_path_factory.mktemp("distributed"), kafka=kafka, postgres=postgres_server, s3=s3_server
        )
        running.start()
        yield running
        running.stop()
    finally:
        kafka.close()


@pytest.fixture(scope="session", params=["embedded", "distributed"])
def skyulf(request: pytest.FixtureRequest) -> Skyulf:
    """Skyulf in each of its forms: the tests do not know which."""
    running: Skyulf = request.getfixturevalue(request.param)
    return running
