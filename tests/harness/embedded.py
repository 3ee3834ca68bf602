"""Skyulf in one process: ``skyulf up`` on a folder of its own."""

import os
import sqlite3
import sys
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

from skyulf_service.testing.ports import free_port
from skyulf_service.testing.processes import ServiceProcess

from harness.form import Announced, Form, Skyulf, quiet
from harness.objects import Folder, Objects


class Embedded(Skyulf):
    """One process. ``kill`` is a power cut, ``start`` starts it again on the same folder and port."""

    form: Form = "embedded"

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        super().__init__(folder, settings)
        self.home.mkdir(parents=True)
        self.port = free_port()
        self.process = ServiceProcess(
            [sys.executable, "-m", "skyulf_standalone", "up", "--port", str(self.port)],
            name="up",
            folder=folder,
            env=quiet({"SKYULF_HOME": str(self.home), "SKYULF_FORM": "embedded", **self.settings}),
            marker=self.marker,
        )

    @property
    def url(self) -> str:
        """Where the gateway is."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it (again) and wait until it is ready."""
        self.process.start()
        self.process.wait_ready(f"{self.url}/readyz")

    def stop(self) -> None:
        """End it with SIGTERM: it leaves nothing behind."""
        try:
            status = self.process.terminate() if self.process.alive else None
            assert status in (0, None), f"skyulf up ended with {status}:\n{self.process.log_text()[-4000:]}"
            self.marker.assert_no_orphans()
        finally:
            self.process.kill_tree()

    def kill(self) -> None:
        """End it with SIGKILL."""
        self.process.kill()

    def databases(self) -> list[Path]:
        """The services' SQLite files."""
        return sorted((self.home / "db").glob("*.sqlite3"))

    @property
    def objects(self) -> Objects:
        """The folder of objects."""
        return Folder(self.home / "objects")

    def traceparents(self) -> dict[str, str]:
        """The traceparent of every event that was published, by the event's id."""
        found: dict[str, str] = {}
        for path in self.databases():
            for event_id, traceparent in rows(path, "SELECT event_id, traceparent FROM outbox"):
                found[str(UUID(str(event_id)))] = str(traceparent or "")
        return found

    def announced(self, project_id: str) -> list[Announced]:
        """What lies in the services' outboxes."""
        query = "SELECT event_id, source, aggregate_id, aggregate_version, project_id FROM outbox ORDER BY seq"
        return [
            Announced(str(UUID(str(event))), str(source), str(subject), int(str(version)))
            for path in self.databases()
            for event, source, subject, version, project in rows(path, query)
            if UUID(str(project)) == UUID(project_id)
        ]


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    """Read from a SQLite file that others may be writing."""
    connection = sqlite3.connect(f"file:{os.fspath(path)}?mode=ro", uri=True, timeout=10)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()
