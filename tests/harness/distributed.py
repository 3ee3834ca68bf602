"""Skyulf with every role in a process of its own, on Kafka, PostgreSQL (a database and a role each) and S3."""

import asyncio
import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import asyncpg
from minio import Minio
from skyulf_service.signing.keys import load_or_create
from skyulf_service.testing.handles import KafkaBroker, PostgresServer, S3Server
from skyulf_service.testing.kafka import NativeKafka
from skyulf_service.testing.ports import free_port
from skyulf_service.testing.processes import ServiceProcess

from harness.announcements import announced
from harness.form import Announced, Form, Skyulf, quiet
from harness.ledger import Entry, entry
from harness.objects import S3
from harness.round_robin import RoundRobin
from harness.topics import published

# what is in flight may take 20 s after the signal; with nothing in flight no role may need it
MOST_SECONDS = 19.0
SERVICES = ("gateway", "ingestion", "pipeline", "registry", "inference")
ROLES = {
    "gateway": ("api", "worker"),
    "ingestion": ("api", "worker", "runner"),
    "pipeline": ("api", "worker", "runner"),
    "registry": ("api", "worker"),
    "inference": ("api", "api-2", "worker"),
}


@dataclass
class Role:
    """One process: a role of a service, and the port of its health."""

    name: str
    process: ServiceProcess
    port: int

    def start(self) -> None:
        """Start it (again)."""
        self.process.start()

    def wait_ready(self, timeout: float = 90) -> None:
        """Wait until it says that it is ready."""
        self.process.wait_ready(f"http://127.0.0.1:{self.port}/readyz", timeout=timeout)


class Distributed(Skyulf):
    """Thirteen processes by name (``pipeline-runner``, ``inference-api-2`` …) in ``roles``."""

    form: Form = "distributed"

    def __init__(
        self,
        folder: Path,
        *,
        kafka: KafkaBroker | NativeKafka,
        postgres: PostgresServer,
        s3: S3Server,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(folder, settings)
        self.kafka, self.postgres, self.s3 = kafka, postgres, s3
        self.keys = self._make_keys()
        self.databases = {service: postgres.create_database() for service in SERVICES}
        self.roles = {role.name: role for role in self._build()}
        self.balancer = RoundRobin([self.roles[name].port for name in ("inference-api", "inference-api-2")])
        self._environment_of_all()

    @property
    def url(self) -> str:
        """Where the gateway is."""
        return f"http://127.0.0.1:{self.roles['gateway-api'].port}"

    @property
    def bootstrap(self) -> str:
        """Kafka's address."""
        return self.kafka.bootstrap

    def move_to(self, kafka: KafkaBroker | NativeKafka) -> None:
        """Name another broker to every role; who runs learns of it when started again."""
        self.kafka = kafka
        self._environment_of_all()

    def database_url(self, service: str, *, role_of: str | None = None) -> str:
        """A service's database as its own role sees it, or another service's."""
        return self.postgres.url(self.databases[service], self.databases[role_of or service])

    def start(self) -> None:
        """Migrate, start every role, and wait until all are ready."""
        self.home.mkdir(parents=True)
        self.balancer.start()
        self.migrate()
        for role in self.roles.values():
            role.start()
        for role in self.roles.values():
            role.wait_ready()

    def migrate(self) -> None:
        """Bring all databases to the newest schema, and make buckets and topics: each service with what it may know."""
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(self._migrate, SERVICES))

    def stop(self) -> None:
        """End every role with SIGTERM; each ends with 0 and leaves nothing behind."""
        try:
            self.marker.observe()
            alive = {role.name: role.process.started() for role in self.roles.values() if role.process.alive}
            for process in alive.values():
                process.terminate()
            deadline = time.monotonic() + MOST_SECONDS
            while time.monotonic() < deadline and any(process.poll() is None for process in alive.values()):
                time.sleep(0.05)
            bad = {name: process.poll() for name, process in alive.items() if process.poll() != 0}
            assert not bad, "\n".join(f"{name}: {code}\n{self.log(name)}" for name, code in bad.items())
            self.marker.assert_no_orphans()
        finally:
            for role in self.roles.values():
                role.process.kill_tree()
            self.balancer.stop()
            for database in self.databases.values():
                self.postgres.drop_database(database)

    def sql(self, service: str, statement: str, *values: object) -> list[asyncpg.Record]:
        """Run a statement in a service's database, behind its back."""
        address = self.database_url(service).replace("+asyncpg", "")

        async def run() -> list[asyncpg.Record]:
            connection = await asyncpg.connect(address)
            try:
                found: list[asyncpg.Record] = await connection.fetch(statement, *values)
                return found
            finally:
                await connection.close()

        return asyncio.run(run())

    def pids(self) -> dict[str, int]:
        """The process of each role; raises AssertionError where one has ended."""
        dead = [name for name, role in self.roles.items() if not role.process.alive]
        assert not dead, "\n".join(f"{name}:\n{self.log(name)}" for name in dead)
        return {name: role.process.pid for name, role in self.roles.items()}

    def log(self, name: str) -> str:
        """The end of a role's log."""
        return self.roles[name].process.log_text()[-4000:]

    @contextmanager
    def orchestrated(self) -> Iterator[None]:
        """Restart whatever ends, as an orchestrator would; at the end wait until all are ready again."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(0.2):
                for role in self.roles.values():
                    if not role.process.alive:
                        role.start()

        thread = threading.Thread(target=watch, name="orchestrator")
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            for role in self.roles.values():
                if not role.process.alive:
                    role.start()
            for role in self.roles.values():
                role.wait_ready()

    @contextmanager
    def without(self, *names: str) -> Iterator[None]:
        """Stop some roles (by name or by service) for the block, then start them again."""
        stopped = [role for role in self.roles.values() if role.name in names or role.name.split("-")[0] in names]
        try:
            for role in stopped:
                role.process.terminate()
            yield
        finally:
            for role in stopped:
                role.process.kill()  # nothing where it has ended, as it should; the next test needs all of them
                role.start()
            for role in stopped:
                role.wait_ready()

    @property
    def objects(self) -> S3:
        """The S3 server."""
        return S3(Minio(self.s3.endpoint, self.s3.access_key, self.s3.secret_key, secure=False))

    def traceparents(self) -> dict[str, str]:
        """The traceparent of every event that was published, by the event's id."""
        return {record.id: record.traceparent for record in published(self.bootstrap)}

    def announced(self, project_id: str) -> list[Announced]:
        """What lies on Kafka's topics."""
        return announced(self.bootstrap, project_id)

    def outboxes(self, project_id: str) -> list[Entry]:
        """Every event about a project that a service has committed."""
        query = "SELECT event_id, type, body FROM outbox WHERE project_id = $1 ORDER BY seq"
        found = [row for service in SERVICES for row in self.sql(service, query, UUID(project_id))]
        return [entry(row["event_id"], row["type"], json.loads(row["body"])) for row in found]

    def keys_of(self, service: str) -> Path:
        """The folder with the keys of a service: its own private one, and the public ones of all."""
        return self.folder / f"keys-{service}"

    def _make_keys(self) -> Path:
        """Make all keys, as a person does who installs Skyulf on several machines; returns the folder with all."""
        everything = self.folder / "keys"
        for service in SERVICES:
            load_or_create(everything, service)
        for service in SERVICES:
            self.keys_of(service).mkdir(mode=0o700)
            for path in [everything / f"{service}.key", *everything.glob("*.pub")]:
                shutil.copy(path, self.keys_of(service))
        return everything

    def _migrate(self, service: str) -> None:
        command = [sys.executable, "-m", "skyulf_standalone", "migrate", service]
        env = self.roles[f"{service}-worker"].process.env
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def _build(self) -> Iterator[Role]:
        for service, roles in ROLES.items():
            for role in roles:
                name, port = f"{service}-{role}", free_port()
                which = role.removesuffix("-2")
                variable = "PORT" if which == "api" else "HEALTH_PORT"
                home = self.home if name == "gateway-api" else self.folder / name
                env = {"SKYULF_HOME": str(home), f"SKYULF_{service.upper()}_{variable}": str(port)}
                command = [sys.executable, "-m", f"skyulf_{service}.main", which]
                process = ServiceProcess(command, name=name, folder=self.folder, env=env, marker=self.marker)
                yield Role(name, process, port)

    def _environment_of_all(self) -> None:
        shared = quiet(
            {
                "SKYULF_FORM": "distributed",
                "SKYULF_KAFKA_BOOTSTRAP": self.bootstrap,
                "SKYULF_S3_ENDPOINT": self.s3.endpoint,
                "SKYULF_S3_ACCESS_KEY": self.s3.access_key,
                "SKYULF_S3_SECRET_KEY": self.s3.secret_key,
                **{f"SKYULF_{s.upper()}_URL": f"http://127.0.0.1:{self._port(s)}" for s in SERVICES},
                **{f"SKYULF_{s.upper()}_DATABASE_POOL_SIZE": "4" for s in SERVICES},
            }
        )
        for role in self.roles.values():
            service = role.name.split("-")[0]
            # each process knows its own service's database and private key only
            own = {
                f"SKYULF_{service.upper()}_DATABASE_URL": self.database_url(service),
                "SKYULF_KEYS_DIR": str(self.keys_of(service)),
            }
            role.process.env.update({**shared, **own, **self.settings})

    def _port(self, service: str) -> int:
        return self.balancer.port if service == "inference" else self.roles[f"{service}-api"].port
