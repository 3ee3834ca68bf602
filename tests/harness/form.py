"""What tests know of a running Skyulf, whichever form it has."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar
from uuid import uuid4

import skyulf_core
from skyulf_pipeline.settings import PipelineSettings
from skyulf_service.testing.processes import RunMarker

from harness.api import Api
from harness.objects import Objects
from harness.topics import Published

NODE_FILES = Path(skyulf_core.__file__).parent / "nodes" / "text"
Form = Literal["embedded", "distributed"]
LEASE_SECONDS = 5  # long enough for a machine that stalls, short enough to wait for


@dataclass(frozen=True)
class Announced:
    """An event as its service announced it, and its record on Kafka where there is one."""

    id: str
    source: str
    subject: str
    version: int
    record: Published | None = None


class Skyulf(ABC):
    """A running installation. Tests work in projects of their own, so that they share it without meeting."""

    form: Form

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.marker = RunMarker()
        self.settings = dict(settings or {})

    @property
    @abstractmethod
    def url(self) -> str:
        """Where the gateway is."""

    @property
    def node_files(self) -> Path:
        """The folder of files that jobs may name, as jobs see it."""
        return NODE_FILES

    @property
    def job_threads(self) -> int:
        """How many threads a job computes with: sums over several end in other last bits."""
        default: int = PipelineSettings.model_fields["job_threads"].get_default(call_default_factory=True)
        return default

    @abstractmethod
    def start(self) -> None:
        """Start everything and wait until it is ready."""

    @abstractmethod
    def stop(self) -> None:
        """End everything in order; raises AssertionError where a process does not end well or outlives it."""

    @property
    @abstractmethod
    def objects(self) -> Objects:
        """The object store, from outside."""

    @abstractmethod
    def traceparents(self) -> dict[str, str]:
        """The traceparent of every event that was published, by the event's id."""

    @abstractmethod
    def announced(self, project_id: str) -> list[Announced]:
        """Every event that the services announced about a project, those of an aggregate in their order."""

    def left_behind(self) -> list[str]:
        """Files that running work has not removed; the lock by which a running process keeps its folder is none."""
        found = [path for scratch in self.folder.rglob("*scratch*") for path in scratch.rglob("*") if path.is_file()]
        return [str(path) for path in found if path.name != ".lock"]

    def admin(self) -> Api:
        """A client with the key of the first run."""
        credentials = json.loads((self.home / "credentials.json").read_text())
        return Api(self.url, credentials["api_key"])

    def project(self) -> Api:
        """A client with the owner's key of a new project."""
        with self.admin() as admin:
            project = admin.ok("POST", "/projects", json={"slug": f"p-{uuid4().hex[:12]}"})
            body = {"name": "owner", "scopes": ["owner"], "project_id": project["id"]}
            key = admin.ok("POST", "/api-keys", json=body)
        return Api(self.url, key["key"], project_id=project["id"])


def quiet(settings: Mapping[str, str]) -> dict[str, str]:
    """Settings of every form under test: each service's messages as JSON lines, short leases."""
    return {
        "SKYULF_LOG_FORMAT": "json",
        "SKYULF_PROFILE": "testing",
        "SKYULF_INGESTION_LEASE_SECONDS": str(LEASE_SECONDS),
        "SKYULF_PIPELINE_JOB_LEASE": f"PT{LEASE_SECONDS}S",
        "SKYULF_PIPELINE_NODE_FILES": str(NODE_FILES),
        **settings,
    }


Running = TypeVar("Running", bound=Skyulf)


@contextmanager
def started(running: Running) -> Iterator[Running]:
    """Start it for the block; what has begun to run is ended, also where the rest of it did not start."""
    try:
        running.start()
        yield running
    finally:
        running.stop()
