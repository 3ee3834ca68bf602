"""The manifests' Deployments as processes on real servers: what a cluster does with them, as far as that shows it."""

import itertools
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness.announcements import announced
from harness.api import Api
from harness.distributed import SERVICES
from harness.form import Announced, Form, Skyulf
from harness.objects import S3, Objects
from harness.round_robin import RoundRobin
from harness.topics import published
from k8s.manifests import add_resource, built, chosen
from k8s.pods import Place, Pod
from minio import Minio
from skyulf_service.testing.handles import KafkaBroker, PostgresServer, S3Server

# until the last node has heard that a pod goes; the pods' preStop gives it 5 s
PROPAGATION_SECONDS = 3.0


class Cluster(Skyulf):
    """One pod per Deployment, and in place of each Service a balancer between those that are ready and do not go."""

    form: Form = "distributed"

    def __init__(
        self,
        folder: Path,
        overlay: Path,
        *,
        kafka: KafkaBroker,
        postgres: PostgresServer,
        s3: S3Server,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(folder, settings)
        self.overlay, self.manifests = overlay, built(overlay)
        self.kafka, self.postgres, self.s3 = kafka, postgres, s3
        self.databases = {service: postgres.create_database() for service in SERVICES}
        self.pods: dict[str, Pod] = {}
        self.services: dict[str, RoundRobin] = {}
        self._made = itertools.count(1)
        self._names = {"kafka:9092": kafka.bootstrap, "s3:7070": s3.endpoint}
        self._s3_keys = {"s3-access-key": s3.access_key, "s3-secret-key": s3.secret_key}

    @property
    def url(self) -> str:
        """Where the gateway is."""
        return self.address("gateway-api")

    @property
    def job_threads(self) -> int:
        """As the manifests have it."""
        return int(self.pods["pipeline-runner"].environment["SKYULF_PIPELINE_JOB_THREADS"])

    def address(self, service: str) -> str:
        """Where a Service is."""
        return f"http://127.0.0.1:{self.services[service].port}"

    def admin(self) -> Api:
        """A client with the key that the manifests' Secret gives to the first run."""
        return Api(self.url, (self.pods["gateway-api"].folder / "run/skyulf/secrets/admin-key").read_text())

    def start(self) -> None:
        """Migrate, start all Deployments, and wait until they are ready and the first key is one."""
        for service in SERVICES:
            self._pod(f"{service}-migrate").complete()
        self._apply()
        with self.admin() as admin:
            admin.eventually(lambda: admin.call("GET", "/projects").is_success, what="the first key")

    def add(self, rendered: str) -> None:
        """Add what was rendered to the overlay's resources, and apply it."""
        add_resource(self.overlay, f"added-{next(self._made)}.yaml", rendered)
        self.manifests = built(self.overlay)
        self._apply()

    def roll(self, name: str) -> None:
        """Replace a Deployment's pod: start the new one, wait until it is ready, end the old one in its time."""
        old, new = self.pods[name], self._pod(name)
        self.pods[name] = new
        try:
            new.start()
            new.wait_ready()
            self._send(name, old, new)
            # a pod is told to go while there are still some who send to it
            unsent = threading.Timer(PROPAGATION_SECONDS, self._send, [name, new])
            unsent.start()
            code = old.stop()
            unsent.join()
        finally:
            old.process.kill_tree()
        assert code == 0, old.process.log_text()[-3000:]

    def stop(self) -> None:
        """End all pods as when their Deployments are deleted; each ends with 0 and leaves nothing behind."""
        begun = {name: pod for name, pod in self.pods.items() if pod.process.process is not None}
        try:
            with ThreadPoolExecutor(len(begun) or 1) as threads:
                codes = dict(zip(begun, threads.map(Pod.stop, begun.values()), strict=True))
            assert codes == dict.fromkeys(begun, 0)
            for pod in begun.values():
                pod.process.marker.assert_no_orphans()
        finally:
            for pod in begun.values():
                pod.process.kill_tree()
            for service in self.services.values():
                service.stop()
            for database in self.databases.values():
                self.postgres.drop_database(database)

    @property
    def objects(self) -> Objects:
        """The S3 server."""
        return S3(Minio(self.s3.endpoint, self.s3.access_key, self.s3.secret_key, secure=False))

    def traceparents(self) -> dict[str, str]:
        """The traceparent of every event that was published, by the event's id."""
        return {record.id: record.traceparent for record in published(self.kafka.bootstrap)}

    def announced(self, project_id: str) -> list[Announced]:
        """What lies on Kafka's topics."""
        return announced(self.kafka.bootstrap, project_id)

    def _apply(self) -> None:
        """Start the Deployments that are new, two at a time, and wait until they are ready."""
        new = [each for each in self.manifests.ours() if each.kind == "Deployment" and each.name not in self.pods]
        for service in self.manifests.kind("Service"):
            selector = {"matchLabels": service["spec"]["selector"]}
            if any(chosen(selector, each.labels) for each in new):
                self._serve(service["metadata"]["name"], service["spec"]["ports"][0]["port"])
        pods = {each.name: self._pod(each.name) for each in new}
        self.pods.update(pods)
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(Pod.start, pods.values()))
        for name, pod in pods.items():
            pod.wait_ready()
            self._send(name, pod)

    def _serve(self, service: str, port: int) -> None:
        balancer = self.services[service] = RoundRobin([])
        balancer.start()
        self._names[f"{service}:{port}"] = f"127.0.0.1:{balancer.port}"

    def _pod(self, name: str) -> Pod:
        database = self.postgres.url(self.databases[self.manifests.workload(name).service])
        secrets = {**self._s3_keys, "database-url": database}
        here = Place(names=dict(self._names), secrets=secrets, variables=self.settings)
        return Pod(self.manifests, name, self.folder / f"{name}-{next(self._made)}", here)

    def _send(self, name: str, *pods: Pod) -> None:
        if name in self.services:
            self.services[name].targets = [pod.port for pod in pods]
