"""The distributed form with a proxy of ours on each of its connections, servers of its own behind them."""

from pathlib import Path
from typing import Literal

from skyulf_service.testing.handles import PostgresServer, S3Server
from skyulf_service.testing.hub import LocalHub
from skyulf_service.testing.kafka import NativeKafka
from skyulf_service.testing.ports import free_port

from harness.distributed import SERVICES, Distributed
from harness.wires import Wire, Wires

Link = Literal["postgresql", "kafka", "s3", "http"]


class Disturbed:
    """An installation whose processes reach PostgreSQL, Kafka, S3 and each other through `wires` only."""

    def __init__(self, folder: Path) -> None:
        self._hub, self._all, port = LocalHub(), Wires(), free_port()
        # clients go where the broker tells them to
        self._kafka = NativeKafka(advertised=f"127.0.0.1:{port}")
        self._kafka.start()
        self.postgres = PostgresServer(self._hub)
        s3 = S3Server(self._hub)
        self.skyulf = Distributed(folder, kafka=self._kafka, postgres=self.postgres, s3=s3)
        self.databases = {service: self._all.to(self.skyulf.database_url(service)) for service in SERVICES}
        self.wires: dict[Link, list[Wire]] = {
            "postgresql": list(self.databases.values()),
            "kafka": [self._all.to(self._kafka.bootstrap, port=port)],
            "s3": [self._all.to(s3.endpoint)],
            "http": [],
        }
        self._lay()

    def start(self) -> None:
        """Start every role."""
        self.skyulf.start()

    def stop(self) -> None:
        """End every role and all servers."""
        try:
            self.skyulf.stop()
        finally:
            self._all.close()
            self._kafka.close()
            self._hub.close()

    def pids(self) -> dict[str, int]:
        """The process of each role; raises AssertionError where one has ended."""
        return self.skyulf.pids()

    def connections(self, link: Link) -> int:
        """How many connections of a kind were made so far."""
        return sum(wire.proxy.accepted for wire in self.wires[link])

    def _lay(self) -> None:
        """Let every process go through the wires."""
        environments = [role.process.env for role in self.skyulf.roles.values()]
        for service in SERVICES:
            url = environments[0][f"SKYULF_{service.upper()}_URL"]
            wire = self._all.to(url)
            if service != "gateway":
                self.wires["http"].append(wire)
            for env in environments:
                env[f"SKYULF_{service.upper()}_URL"] = f"http://{wire.address}"
        for name, role in self.skyulf.roles.items():
            service = name.split("-")[0]
            direct = self.skyulf.database_url(service)
            through = direct.replace(_place(direct), self.databases[service].address)
            role.process.env[f"SKYULF_{service.upper()}_DATABASE_URL"] = through
            role.process.env["SKYULF_KAFKA_BOOTSTRAP"] = self.wires["kafka"][0].address
            role.process.env["SKYULF_S3_ENDPOINT"] = self.wires["s3"][0].address


def _place(url: str) -> str:
    """The ``host:port`` of a URL."""
    return url.rpartition("@")[2].partition("/")[0]
