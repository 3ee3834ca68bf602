"""Kafka as a process: one broker that is its own controller (KRaft), from the jars of Maven Central."""

import base64
import os
import socket
import struct
import subprocess
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from skyulf_service.testing import toolchain
from skyulf_service.testing.native import NativeServer
from skyulf_service.testing.ports import free_port

API_VERSIONS = 18

# The session timeout is what a start after SIGKILL waits for: 12 s with Kafka's default of 9 s.
PROPERTIES = """\
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://{advertised}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
controller.quorum.bootstrap.servers=127.0.0.1:{controller_port}
log.dirs={data}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=4000
"""

LOGGING = """\
Configuration:
  status: error
  Appenders:
    Console:
      name: out
      PatternLayout:
        pattern: "%d{ISO8601} %p %c{1} %m%n"
  Loggers:
    Root:
      level: warn
      AppenderRef:
        ref: out
"""


class NativeKafka(NativeServer):
    """One Kafka broker. ``bootstrap`` is its address; topics are not created by accident.

    ``advertised`` (``host:port``) is what the broker tells clients to connect to, for tests that put a proxy between.
    About 340 MB; 3 to 5 s to start; keeps every acknowledged record over ``kill`` and ``start``.
    """

    kind: ClassVar[str] = "kafka"

    def __init__(self, folder: Path | None = None, *, port: int | None = None, advertised: str | None = None) -> None:
        super().__init__(folder)
        self.port = port or free_port()
        self.controller_port = free_port()
        self.advertised = advertised or self.bootstrap
        self.properties = self.folder / "server.properties"

    @property
    def bootstrap(self) -> str:
        """The broker's address, ``host:port``."""
        return f"127.0.0.1:{self.port}"

    def address(self) -> dict[str, str]:
        """Return ``bootstrap``."""
        return {"bootstrap": self.bootstrap}

    def prepare(self) -> None:
        """Write the configuration and format the log folder."""
        data = self.folder / "data"
        self.properties.write_text(self.settings())
        (self.folder / "log4j2.yaml").write_text(LOGGING)
        if (data / "meta.properties").exists():
            return
        drawn = uuid.uuid4().bytes
        # the first bit is 0: one id in 64 would begin with a dash, and the tool would take it for an option
        cluster_id = base64.urlsafe_b64encode(bytes([drawn[0] & 0x7F]) + drawn[1:]).decode().rstrip("=")
        storage = ["kafka.tools.StorageTool", "format", "--standalone", "-t", cluster_id, "-c", str(self.properties)]
        storage += self.format_options()
        with self.log.open("ab") as output:
            subprocess.run([*self.java(), *storage], check=True, stdout=output, stderr=output, cwd=self.folder)  # noqa: S603

    def settings(self) -> str:
        """Return the broker's settings."""
        return PROPERTIES.format(
            port=self.port,
            controller_port=self.controller_port,
            advertised=self.advertised,
            data=self.folder / "data",
        )

    def format_options(self) -> Sequence[str]:
        """Return what the log folder is formatted with beside the defaults."""
        return ()

    def java(self) -> list[str]:
        """Return the start of the command: the virtual machine, small and quick to start."""
        flags = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"]
        logging = f"-Dlog4j2.configurationFile={self.folder / 'log4j2.yaml'}"
        return [toolchain.java(), *flags, logging, "-cp", f"{toolchain.kafka_jars()}{os.sep}*"]

    def command(self) -> list[str]:
        """Return the broker's command."""
        return [*self.java(), "kafka.Kafka", str(self.properties)]

    def ready(self) -> bool:
        """Say whether the broker answers a request."""
        return answers_kafka("127.0.0.1", self.port)


def answers_kafka(host: str, port: int) -> bool:
    """Say whether a broker answers an ``ApiVersions`` request (version 0, no client id)."""
    body = struct.pack(">hhih", API_VERSIONS, 0, 1, -1)
    try:
        with socket.create_connection((host, port), timeout=2) as connection:
            connection.sendall(struct.pack(">i", len(body)) + body)
            return len(connection.recv(8)) == 8
    except OSError:
        return False
