"""Skyulf as `docker compose up` makes it: containers of images that were built here, on a Docker engine."""

import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from minio import Minio
from skyulf_service.testing.ports import free_port

from harness.announcements import announced
from harness.api import Api, Json
from harness.form import Announced, Form, Skyulf
from harness.objects import S3, Objects
from harness.topics import published

ROOT = Path(__file__).resolve().parents[2]
FILES = ("docker-compose.yml", "tests/compose/testing.yml")
PROJECT = "skyulf-under-test"
UP_SECONDS = 180
MB = 1_000_000
BASE = "python:3.11-slim-bookworm"


class Composed(Skyulf):
    """All containers of the compose file, with ports of their own so that a person's installation is left alone."""

    form: Form = "distributed"

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        super().__init__(folder, settings)
        self.ports = {name: free_port() for name in ("gateway", "kafka", "s3")}
        self.seconds_until_ready = 0.0

    @property
    def url(self) -> str:
        """Where the gateway is."""
        return f"http://127.0.0.1:{self.ports['gateway']}"

    @property
    def node_files(self) -> Path:
        """The same folder in the image."""
        return Path("/opt/skyulf/lib/python3.11/site-packages/skyulf_core/nodes/text")

    @property
    def job_threads(self) -> int:
        """As the compose file has it."""
        return int(self.inside("pipeline-runner", "printenv", "SKYULF_PIPELINE_JOB_THREADS"))

    @property
    def bootstrap(self) -> str:
        """Kafka's address for the outside."""
        return f"127.0.0.1:{self.ports['kafka']}"

    def build(self) -> None:
        """Build all images."""
        self.compose("--profile", "operate", "build", seconds=3600)

    def start(self) -> None:
        """Start everything on new volumes, and wait until it is healthy."""
        self.compose("--profile", "operate", "down", "--volumes", "--remove-orphans")
        began = time.monotonic()
        self.up()
        self.seconds_until_ready = time.monotonic() - began

    def up(self, *options: str) -> None:
        """Bring what there is to the state that the options name, and wait until it is healthy."""
        try:
            self.compose("up", "--detach", "--no-build", "--wait", "--wait-timeout", "400", *options, seconds=420)
        except AssertionError as error:
            bad = [each["Service"] for each in self.containers() if each["ExitCode"] or each["Health"] == "unhealthy"]
            error.add_note("\n".join(f"--- {service}\n{self.log(service)}" for service in bad))
            raise

    def stop(self) -> None:
        """End everything; raises AssertionError where a container did not end well."""
        try:
            self.compose("stop", seconds=300)
            bad = {each["Name"]: each["ExitCode"] for each in self.containers() if each["ExitCode"]}
            assert not bad, "\n".join(f"{name}: {code}" for name, code in bad.items())
        finally:
            self.compose("--profile", "operate", "down", "--volumes", seconds=300)

    def admin(self) -> Api:
        """A client with the key of the first run."""
        credentials = json.loads(self.inside("gateway-api", "cat", "credentials.json"))
        return Api(self.url, credentials["api_key"])

    @cached_property
    def objects(self) -> Objects:
        """The S3 server."""
        access, secret = (self.inside("s3", "cat", f"/run/skyulf/{name}_key").strip() for name in ("access", "secret"))
        return S3(Minio(f"127.0.0.1:{self.ports['s3']}", access, secret, secure=False))

    def traceparents(self) -> dict[str, str]:
        """The traceparent of every event that was published, by the event's id."""
        return {record.id: record.traceparent for record in published(self.bootstrap)}

    def announced(self, project_id: str) -> list[Announced]:
        """What lies on Kafka's topics."""
        return announced(self.bootstrap, project_id)

    def containers(self, *names: str) -> list[Json]:
        """What compose says of the containers of some services, or of all; those that have ended too."""
        lines = self.compose("ps", "--all", "--format", "json", *names).splitlines()
        return [json.loads(line) for line in lines]

    def inspect(self, *names: str) -> list[Json]:
        """What the engine says of some containers or images."""
        found: list[Json] = json.loads(run(["docker", "inspect", *names]))
        return found

    def left_behind(self) -> list[str]:
        """Files in the homes of the containers that work on files."""
        look = "find . -path '*scratch*' -type f ! -name .lock"
        return [
            path
            for service in ("ingestion-runner", "pipeline-runner")
            for path in self.inside(service, "sh", "-c", look).split()
        ]

    def inside(self, service: str, *command: str) -> str:
        """Run a command in a service's first container."""
        return self.compose("exec", "-T", service, *command)

    def operate(self, *command: str) -> str:
        """Run an operation as a person does, in a container of its own that goes with it."""
        return self.compose("run", "--rm", "--no-TTY", "operate", *command, seconds=600)

    def log(self, service: str) -> str:
        """The end of a service's log."""
        return self.compose("logs", "--no-color", "--tail", "50", service)

    def compose(self, *arguments: str, seconds: float = 120) -> str:
        """Run compose on our files; returns its standard output."""
        files = [option for file in FILES for option in ("--file", file)]
        ports = {f"TEST_{name.upper()}_PORT": str(port) for name, port in self.ports.items()}
        environment = {**os.environ, **ports, "GATEWAY_ADDRESS": f"127.0.0.1:{self.ports['gateway']}"}
        command = ["docker", "compose", "--project-name", PROJECT, *files, *arguments]
        return run(command, environment=environment, seconds=seconds)


def run(command: Sequence[str], *, environment: Mapping[str, str] | None = None, seconds: float = 120) -> str:
    """Run a command at the root of the repository; raises AssertionError with what it said where it fails."""
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}: {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout
