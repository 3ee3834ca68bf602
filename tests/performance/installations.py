"""What is measured, running: Skyulf in both forms with the model deployed, and the competitor."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from harness.api import PREFIX, Api
from harness.distributed import SERVICES, Distributed
from harness.embedded import Embedded
from harness.form import Skyulf
from skyulf_service.scope import Scope
from skyulf_service.signing.keys import load_or_create
from skyulf_service.signing.tokens import InternalTokenIssuer
from skyulf_service.testing.handles import KafkaBroker, PostgresServer, S3Server
from skyulf_service.testing.hub import LocalHub
from skyulf_service.testing.ports import free_port
from skyulf_service.testing.processes import ServiceProcess

from performance import flights
from performance.serving import Target

DEPLOYMENT = "late-flights"
PATH = f"{PREFIX}/deployments/{DEPLOYMENT}/predict"
COMPETITOR = Path(__file__).with_name("competitor.py")
# As in production: few messages, and leases that a busy machine does not lose (those of the fault tests are short).
SETTINGS = {
    "SKYULF_LOG_LEVEL": "warning",
    "SKYULF_INGESTION_LEASE_SECONDS": "15",
    "SKYULF_PIPELINE_JOB_LEASE": "PT15S",
}


@dataclass(frozen=True)
class Competitor:
    """The competitor's model on disk; ``command`` serves it at a port."""

    model: Path

    def command(self, port: int) -> list[str]:
        """What starts a server."""
        return [sys.executable, str(COMPETITOR), "serve", str(self.model), str(port)]

    def target(self, port: int) -> Target:
        """A server at a port."""
        return Target("FastAPI + pandas + scikit-learn", port, "/predict", dict)

    @contextmanager
    def running(self, folder: Path) -> Iterator[Target]:
        """A server that ends with the block."""
        port = free_port()
        with ServiceProcess(self.command(port), name="competitor", folder=folder) as process:
            process.wait_ready(f"http://127.0.0.1:{port}/readyz")
            yield self.target(port)


def train_competitor(data: Path, folder: Path) -> Competitor:
    """Train the competitor's model."""
    model = folder / "competitor.joblib"
    command = [sys.executable, str(COMPETITOR), "fit", str(data), str(model)]
    subprocess.run(command, check=True, timeout=300, env={**os.environ, "OMP_NUM_THREADS": "1"})
    return Competitor(model)


def deploy(skyulf: Skyulf, data: Path) -> Api:
    """Upload, train, deploy, and return a client of the new project."""
    api = skyulf.project()
    dataset = api.ready_dataset(data.read_bytes(), name="flights")
    version = api.train(flights.config(), dataset["id"], register_as=DEPLOYMENT)
    deployment = api.deploy(DEPLOYMENT, DEPLOYMENT, version["version"])
    if deployment["status"] != "ready":
        raise SystemExit(f"The model cannot be served: {deployment}")
    return api


@contextmanager
def embedded(folder: Path) -> Iterator[Embedded]:
    """Skyulf in one process."""
    running = Embedded(folder, SETTINGS)
    with _ended(running):
        yield running


@contextmanager
def distributed(folder: Path) -> Iterator[Distributed]:
    """Skyulf in a process per role, on servers of its own: PostgreSQL, Kafka, S3. One replica answers predictions."""
    with ExitStack() as stack:
        hub = LocalHub()
        stack.callback(hub.close)
        kafka = KafkaBroker(hub)
        running = Distributed(folder, kafka=kafka, postgres=PostgresServer(hub), s3=S3Server(hub), settings=SETTINGS)
        del running.roles["inference-api-2"]  # nor is there need for the harness's load balancer, written in Python
        replica = running.roles["inference-api"].port
        for role in running.roles.values():
            role.process.env["SKYULF_INFERENCE_URL"] = f"http://127.0.0.1:{replica}"
        stack.enter_context(_ended(running))
        yield running


def databases_of(running: Skyulf) -> dict[str, str]:
    """The URLs of the services' databases."""
    if isinstance(running, Distributed):
        return {service: running.database_url(service) for service in SERVICES}
    return {path.stem: f"sqlite+aiosqlite:///{path}" for path in (running.home / "db").glob("*.sqlite3")}


def gateway_target(name: str, api: Api) -> Target:
    """The deployment through the gateway, with an API key."""
    return Target(name, int(api.url.rsplit(":", 1)[1]), PATH, lambda: {"Authorization": f"Bearer {api.key}"})


def direct_target(name: str, running: Distributed, api: Api, port: int) -> Target:
    """The deployment at an inference process, with the gateway's internal tokens; each round gets a fresh one."""
    key = load_or_create(running.keys, "gateway")
    scope = Scope(UUID(api.project_id), "user:bench", frozenset({"predictions:make"}))

    def headers() -> dict[str, str]:
        return {"Authorization": f"Bearer {InternalTokenIssuer(key, 'gateway').mint('inference', scope)}"}

    return Target(name, port, PATH, headers)


@contextmanager
def _ended(running: Skyulf) -> Iterator[None]:
    try:
        running.start()
        yield
    finally:
        running.stop()
