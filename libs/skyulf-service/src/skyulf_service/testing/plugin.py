"""The pytest plugin: real servers as session fixtures, and databases of both kinds.

Each server is started at the first wish, once per session also under pytest-xdist, and ended with the session. Where it
comes from (environment, container, process) is decided by ``servers.choose``.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from skyulf_service.testing.handles import KafkaBroker, PostgresServer, S3Server
    from skyulf_service.testing.hub import Hub, LocalHub

WORKER_INPUT = "skyulf_hub"
hub_key: pytest.StashKey["Hub"] = pytest.StashKey()
local_hub_key: pytest.StashKey["LocalHub"] = pytest.StashKey()


class WorkerNode(Protocol):
    """What pytest-xdist passes for each of its workers."""

    config: pytest.Config
    workerinput: dict[str, object]


def hub_of(config: pytest.Config) -> "Hub":
    """Return the session's hub, made at the first wish: the import costs nothing to sessions that need no server."""
    from skyulf_service.testing.hub import RemoteHub

    if hub_key not in config.stash:
        worker_input: dict[str, str] = getattr(config, "workerinput", {})
        path = worker_input.get(WORKER_INPUT)
        config.stash[hub_key] = RemoteHub(path) if path else local_hub_of(config)
    return config.stash[hub_key]


def local_hub_of(config: pytest.Config) -> "LocalHub":
    """Return the hub that this process holds itself."""
    from skyulf_service.testing.hub import LocalHub

    if local_hub_key not in config.stash:
        config.stash[local_hub_key] = LocalHub()
    return config.stash[local_hub_key]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: WorkerNode) -> None:
    """Tell each worker of pytest-xdist where the controller's hub listens."""
    node.workerinput[WORKER_INPUT] = local_hub_of(node.config).listen()


def pytest_configure(config: pytest.Config) -> None:
    """Log and trace as production does: the development form of logs draws tracebacks for seconds each."""
    from skyulf_service.telemetry.logging import configure_logging
    from skyulf_service.telemetry.tracing import configure_tracing

    configure_logging(service="test", level="WARNING", log_format="json")
    configure_tracing(service="test", role="test")


def pytest_unconfigure(config: pytest.Config) -> None:
    """End all servers of the session, whatever happened in it."""
    if local_hub_key in config.stash:
        config.stash[local_hub_key].close()


@pytest.fixture(scope="session")
def kafka_broker(request: pytest.FixtureRequest) -> "KafkaBroker":
    """Give the session's Kafka broker: ``.bootstrap``, ``stop()``, ``start()``, ``kill()``."""
    from skyulf_service.testing.handles import KafkaBroker

    return KafkaBroker(hub_of(request.config))


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest) -> "PostgresServer":
    """Give the session's PostgreSQL server: ``.create_database()``, ``.url(database, role=None)``, ``stop()``, …."""
    from skyulf_service.testing.handles import PostgresServer

    return PostgresServer(hub_of(request.config))


@pytest.fixture(scope="session")
def s3_server(request: pytest.FixtureRequest) -> "S3Server":
    """Give the session's S3 server: ``.endpoint``, ``.access_key``, ``.secret_key``, ``.make_bucket()``, …."""
    from skyulf_service.testing.handles import S3Server

    return S3Server(hub_of(request.config))


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """Give the URL of a SQLite file that does not exist yet."""
    return f"sqlite+aiosqlite:///{tmp_path / 'test.sqlite3'}"


@pytest.fixture
def postgres_url(postgres_server: "PostgresServer") -> Iterator[str]:
    """Give the URL (asyncpg) of a new, empty PostgreSQL database, removed after the test."""
    database = postgres_server.create_database()
    yield postgres_server.url(database)
    postgres_server.drop_database(database)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> str:
    """Give the URL of a new, empty database; the test runs once on SQLite and once on PostgreSQL."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


@pytest.fixture
def s3_bucket(s3_server: "S3Server") -> str:
    """Give the name of a new, empty bucket."""
    return s3_server.make_bucket()
