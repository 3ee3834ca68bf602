"""What the fixtures give to tests: the address of a server of the session, and its switch."""

import asyncio
import secrets
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar
from urllib.parse import quote, urlsplit

import asyncpg

from skyulf_service.testing.hub import Hub
from skyulf_service.testing.servers import Kind


class ServerHandle:
    """A running server of the session. ``stop``, ``kill`` and ``start`` block and keep its address and its data.

    The server is shared by all workers: a test that stops it belongs under ``slow`` or uses a server of its own
    (``NativeKafka``, ``NativePostgres``, ``NativeS3``).
    """

    kind: ClassVar[Kind]

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.address = hub.do(self.kind, "start")

    def start(self) -> None:
        """Start it again; nothing when it runs."""
        self.hub.do(self.kind, "start")

    def stop(self) -> None:
        """Shut it down properly."""
        self.hub.do(self.kind, "stop")

    def kill(self) -> None:
        """End it with SIGKILL."""
        self.hub.do(self.kind, "kill")


class KafkaBroker(ServerHandle):
    """A Kafka broker at ``bootstrap`` (``host:port``)."""

    kind: ClassVar[Kind] = "kafka"

    @property
    def bootstrap(self) -> str:
        """The address for clients, ``host:port``."""
        return self.address["bootstrap"]


class S3Server(ServerHandle):
    """An S3 server without TLS at ``endpoint`` (``host:port``), region us-east-1."""

    kind: ClassVar[Kind] = "s3"
    region: ClassVar[str] = "us-east-1"
    secure: ClassVar[bool] = False

    @property
    def endpoint(self) -> str:
        """The address for clients, ``host:port``."""
        return self.address["endpoint"]

    @property
    def access_key(self) -> str:
        """The root account's access key."""
        return self.address["access_key"]

    @property
    def secret_key(self) -> str:
        """The root account's secret."""
        return self.address["secret_key"]

    def make_bucket(self, name: str | None = None) -> str:
        """Make a bucket (a new name if none is given) and return its name."""
        from minio import Minio

        bucket = name or f"test-{secrets.token_hex(6)}"
        client = Minio(self.endpoint, access_key=self.access_key, secret_key=self.secret_key, secure=False)
        if not client.bucket_exists(bucket):
            client.make_bucket(bucket)
        return bucket


class PostgresServer(ServerHandle):
    """A PostgreSQL server; ``create_database`` makes a database with an owner of its own, as each service has it."""

    kind: ClassVar[Kind] = "postgres"

    def __init__(self, hub: Hub) -> None:
        super().__init__(hub)
        self.passwords: dict[str, str] = {}

    def url(self, database: str, role: str | None = None) -> str:
        """Return SQLAlchemy's URL (asyncpg) of a database for a role that ``create_database`` made.

        Without a role: the database's owner where there is one, else the superuser.
        """
        place = urlsplit(self.address["url"])
        user = role or (database if database in self.passwords else None)
        if user is None:
            return f"postgresql+asyncpg://{place.netloc}/{database}"
        return f"postgresql+asyncpg://{user}:{quote(self.passwords[user])}@{place.hostname}:{place.port}/{database}"

    def create_database(self, name: str | None = None) -> str:
        """Make a database owned by a role of the same name, as PostgreSQL makes it; returns its name."""
        database = name or f"test_{secrets.token_hex(6)}"
        self.passwords[database] = secrets.token_hex(8)
        self.execute(
            f"CREATE ROLE \"{database}\" LOGIN PASSWORD '{self.passwords[database]}'",
            f'CREATE DATABASE "{database}" OWNER "{database}"',
        )
        return database

    def drop_database(self, name: str) -> None:
        """Remove a database and its role, ending its connections."""
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', f'DROP ROLE IF EXISTS "{name}"')
        self.passwords.pop(name, None)

    def execute(self, *statements: str) -> None:
        """Run statements as the superuser, each on its own."""

        async def run() -> None:
            connection = await asyncpg.connect(f"{self.address['url']}/postgres")
            try:
                for statement in statements:
                    await connection.execute(statement)
            finally:
                await connection.close()

        blocking(run)


def blocking(call: Callable[[], Coroutine[object, object, None]]) -> None:
    """Run a coroutine in a loop of its own, also where a loop runs already."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        thread.submit(lambda: asyncio.run(call())).result()
