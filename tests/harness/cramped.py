"""The distributed form whose databases and objects lie on a small disk each."""

from pathlib import Path
from typing import Literal

from skyulf_service.testing.handles import KafkaBroker, PostgresServer, S3Server
from skyulf_service.testing.hub import LocalHub
from skyulf_service.testing.kafka import NativeKafka
from skyulf_service.testing.postgres import NativePostgres
from skyulf_service.testing.s3 import NativeS3

from harness.distributed import Distributed
from harness.small_disks import SmallDisk

Disk = Literal["postgresql", "s3"]
DISKS: tuple[Disk, ...] = ("postgresql", "s3")
SIZES: dict[Disk, str] = {"postgresql": "192m", "s3": "64m"}


class Cramped:
    """An installation with servers of its own, processes of this machine.

    All databases lie in a tablespace on the small disk, so that whoever writes is refused by it (53100). PostgreSQL's
    log and what is the server's own lie elsewhere: without room for those it stops, as it does in R5.
    """

    def __init__(self, folder: Path) -> None:
        postgres = NativePostgres()
        self.disks = {
            "postgresql": SmallDisk(SIZES["postgresql"], folder=folder, user=postgres.user),
            "s3": SmallDisk(SIZES["s3"], folder=folder),
        }
        self._hub = LocalHub()
        self._hub.servers = {"postgres": postgres, "s3": NativeS3(self.disks["s3"].kept), "kafka": NativeKafka()}
        server = PostgresServer(self._hub)
        # a new database lies where its template lies
        place = self.disks["postgresql"].kept
        server.execute(f"CREATE TABLESPACE small LOCATION '{place}'", "ALTER DATABASE template1 SET TABLESPACE small")
        self.skyulf = Distributed(folder, kafka=KafkaBroker(self._hub), postgres=server, s3=S3Server(self._hub))

    def start(self) -> None:
        """Start every role."""
        self.skyulf.start()

    def stop(self) -> None:
        """End every role, all servers, and the disks."""
        try:
            self.skyulf.stop()
        finally:
            self._hub.close()
            for disk in self.disks.values():
                disk.close()
