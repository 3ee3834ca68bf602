"""The same servers from containers, where a Docker engine answers."""

import secrets
import subprocess
import sys
from pathlib import Path

from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from skyulf_service.testing import toolchain
from skyulf_service.testing.kafka import answers_kafka
from skyulf_service.testing.ports import free_port, http_status, wait_until
from skyulf_service.testing.postgres import answers_postgres

REAPER = Path(__file__).with_name("reaper.py")
PORTS = {"kafka": 9092, "postgres": 5432, "s3": 7070}
IMAGES = {
    "kafka": f"apache/kafka:{toolchain.KAFKA_VERSION}",
    "postgres": "postgres:17",
    "s3": f"versity/versitygw:{toolchain.VERSITYGW_VERSION}",
}


class ContainerServer:
    """Kafka, PostgreSQL or S3 in a container, on a host port that survives restarts."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.port = free_port()
        self.password = secrets.token_hex(10)
        self.container: DockerContainer | None = None
        self.reaper: subprocess.Popen[bytes] | None = None
        self.host = "127.0.0.1"

    def start(self) -> None:
        """Start the container (again) and wait until the server serves; nothing when it runs."""
        if self.container is None:
            self.container = self.make()
        else:
            self.container.get_wrapped_container().start()
        wait_until(self.ready, what=f"the {self.kind} container", timeout=120)

    def make(self) -> DockerContainer:
        """Run the container and the process that removes it when this one ends."""
        testcontainers_config.ryuk_disabled = True  # its image would be one more to pull; our reaper needs none
        container = DockerContainer(IMAGES[self.kind]).with_bind_ports(PORTS[self.kind], self.port)
        host = container.get_docker_client().host()
        self.host = "127.0.0.1" if host == "localhost" else host
        container = container.with_envs(**self.environment())
        if self.kind == "postgres":
            container = container.with_command("postgres -c max_connections=200")
        if self.kind == "s3":
            container = container.with_command("--port :7070 --quiet posix /tmp/vgw")
        container.start()
        command = [sys.executable, str(REAPER), container.get_container_id()]
        self.reaper = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603
        return container

    def environment(self) -> dict[str, str]:
        """Return the container's settings."""
        if self.kind == "postgres":
            return {"POSTGRES_PASSWORD": self.password, "POSTGRES_INITDB_ARGS": "-N"}
        if self.kind == "s3":
            return {"ROOT_ACCESS_KEY": "testing", "ROOT_SECRET_KEY": self.password}
        return {
            "KAFKA_NODE_ID": "1",
            "KAFKA_PROCESS_ROLES": "broker,controller",
            "KAFKA_LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093",
            "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://{self.host}:{self.port}",
            "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
            "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
            "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
            "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "4",
            "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
            "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
            "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
            "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
            "KAFKA_LOG_DIRS": "/var/lib/kafka/data",
            "KAFKA_HEAP_OPTS": "-Xmx512m",
        }

    def ready(self) -> bool:
        """Say whether the server serves."""
        if self.kind == "kafka":
            return answers_kafka(self.host, self.port)
        if self.kind == "postgres":
            return answers_postgres(self.host, self.port)
        return http_status(f"http://{self.host}:{self.port}/") is not None

    def address(self) -> dict[str, str]:
        """Return what a client needs, as text."""
        place = f"{self.host}:{self.port}"
        if self.kind == "kafka":
            return {"bootstrap": place}
        if self.kind == "postgres":
            return {"url": f"postgresql://postgres:{self.password}@{place}"}
        return {"endpoint": place, "access_key": "testing", "secret_key": self.password}

    def stop(self) -> None:
        """Shut the server down properly; the container and its data stay."""
        if self.container is not None:
            self.container.get_wrapped_container().stop(timeout=20)

    def kill(self) -> None:
        """End the server with SIGKILL; the container and its data stay."""
        if self.container is not None:
            self.container.get_wrapped_container().kill()

    def close(self) -> None:
        """Remove the container and its data."""
        if self.container is not None:
            self.container.stop()
            self.container = None
        if self.reaper is not None:
            self.reaper.kill()
            self.reaper.wait()
