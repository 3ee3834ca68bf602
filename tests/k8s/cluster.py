"""The manifests' Deployments as processes on real servers: what a cluster does with them, as far as that shows it."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from harness.round_robin import RoundRobin
from k8s.manifests import Manifests
from k8s.pods import Pod
from settings_example import SERVICES
from skyulf_service.testing.handles import KafkaBroker, PostgresServer, S3Server
from skyulf_service.testing.ports import free_port


class Cluster:
    """One pod per Deployment, and a balancer in place of each Service."""

    def __init__(
        self, manifests: Manifests, folder: Path, *, kafka: KafkaBroker, postgres: PostgresServer, s3: S3Server
    ) -> None:
        self.manifests, self.folder, self.postgres = manifests, folder, postgres
        self.databases = {service: postgres.create_database() for service in SERVICES}
        names = [each.name for each in manifests.ours() if each.kind == "Deployment"]
        # a pod and the one that replaces it take turns
        self.slots = {name: [free_port(), free_port()] for name in names}
        self.services = {name: RoundRobin(ports) for name, ports in self.slots.items() if name.endswith("-api")}
        self.pods: dict[str, Pod] = {}
        self.made = 0
        self.shared = {
            "SKYULF_KAFKA_BOOTSTRAP": kafka.bootstrap,
            "SKYULF_S3_ENDPOINT": s3.endpoint,
            "SKYULF_S3_ACCESS_KEY": s3.access_key,
            "SKYULF_S3_SECRET_KEY": s3.secret_key,
        }
        for service in SERVICES:
            self.shared[f"SKYULF_{service.upper()}_URL"] = f"http://127.0.0.1:{self.services[f'{service}-api'].port}"
            self.shared[f"SKYULF_{service.upper()}_S3_ACCESS_KEY"] = s3.access_key
            self.shared[f"SKYULF_{service.upper()}_S3_SECRET_KEY"] = s3.secret_key
            self.shared[f"SKYULF_{service.upper()}_DATABASE_POOL_SIZE"] = "4"

    @property
    def url(self) -> str:
        """Where the gateway is."""
        return self.shared["SKYULF_GATEWAY_URL"]

    @property
    def admin_key(self) -> str:
        return str((self.pods["gateway-api"].folder / "run/skyulf/secrets/admin-key").read_text())

    @contextmanager
    def running(self) -> Iterator["Cluster"]:
        """Migrate and start everything; at the end all goes with exit code 0."""
        for service in self.services.values():
            service.start()
        try:
            for name in SERVICES:
                self._migrate(f"{name}-migrate")
            for name in self.slots:
                self.pods[name] = self.make(name)
                self.pods[name].run_init()
                self.pods[name].process.start()
            for pod in self.pods.values():
                pod.wait_started()
            yield self
            assert {name: pod.process.terminate(40) for name, pod in self.pods.items()} == dict.fromkeys(self.pods, 0)
        finally:
            for pod in self.pods.values():
                pod.process.kill_tree()
            for service in self.services.values():
                service.stop()
            for database in self.databases.values():
                self.postgres.drop_database(database)

    def roll(self, name: str) -> None:
        """Replace a Deployment's pod: start the new one, wait until it is ready, end the old one in its time."""
        old, new = self.pods[name], self.make(name)
        new.run_init()
        new.process.start()
        self.pods[name] = new
        try:
            new.wait_started()
            code = old.stop()
        finally:
            old.process.kill_tree()
        assert code == 0, old.process.log_text()[-3000:]

    def make(self, name: str) -> Pod:
        """A pod that was not there before, at the port that its predecessor leaves free."""
        ports = self.slots.get(name, [free_port()])
        taken = self.pods[name].port if name in self.pods else None
        self.made += 1
        service = name.partition("-")[0]
        database = self.postgres.url(self.databases[service])
        given: Mapping[str, str] = {**self.shared, f"SKYULF_{service.upper()}_DATABASE_URL": database}
        port = next(port for port in ports if port != taken)
        return Pod(self.manifests, name, self.folder / f"{name}-{self.made}", given, port=port)

    def _migrate(self, name: str) -> None:
        pod = self.make(name)
        done = subprocess.run(
            pod.process.command, env=pod.process.env, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
