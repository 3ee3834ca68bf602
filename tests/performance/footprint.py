"""What an installation with Compose weighs: ``python tests/performance/footprint.py [--project NAME]``.

Looks at containers that run: image size over its base, seconds from a container's start until its process listens, and
memory (proportional set size, so that shared pages count once), as it is and while predictions are asked for. It
starts, changes and ends nothing.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

import httpx

BASE = "python:3.11-slim-bookworm"
LISTENS = "Uvicorn running on"
MB = 1e6
CLIENTS = 8


@dataclass
class Footprint:
    """One container."""

    name: str
    image_mb: float | None
    start_seconds: float | None
    idle_mb: float
    loaded_mb: float = 0.0

    def line(self) -> str:
        """A row of the table."""
        shown = [f"{value:>9.1f}" if value is not None else " " * 9 for value in (self.image_mb, self.start_seconds)]
        return f"{self.name:<20}{''.join(shown)}{self.idle_mb:>9.0f}{self.loaded_mb:>9.0f}"


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--project", default="skyulf", help="Compose's name of the installation")
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="Where its gateway is")
    parser.add_argument("--deployment", help="What to predict at, with rows on standard input as JSON")
    parser.add_argument("--key", help="A key that may predict there")
    parser.add_argument("--load", type=float, default=20.0, help="How many seconds to predict")
    arguments = parser.parse_args()
    found = [footprint(name) for name in containers(arguments.project)]
    if arguments.deployment:
        rate = loaded(arguments, found)
        print(f"under load: {rate:.0f} predictions per second by {CLIENTS} clients")
    print(f"{'':<20}{'image MB':>9}{'start s':>9}{'idle MB':>9}{'load MB':>9}")
    for each in sorted(found, key=lambda each: each.name):
        print(each.line())
    return 0


def containers(project: str) -> list[str]:
    """The running containers."""
    label = f"label=com.docker.compose.project={project}"
    return docker("ps", "--filter", label, "--format", "{{.Names}}").split()


def footprint(container: str) -> Footprint:
    """What is known of a container without touching it."""
    said = json.loads(docker("inspect", container))[0]
    image = said["Config"]["Image"]
    over = size(image) - size(BASE) if image.startswith("skyulf/") else None
    labels = said["Config"]["Labels"]
    name = f"{labels['com.docker.compose.service']}-{labels['com.docker.compose.container-number']}"
    seconds = seconds_to_listen(container, said["State"]["StartedAt"])
    return Footprint(name, over and over / MB, seconds, memory(container))


def size(image: str) -> float:
    """Bytes of an image."""
    return float(docker("image", "inspect", "--format", "{{.Size}}", image))


def seconds_to_listen(container: str, started: str) -> float | None:
    """Seconds until the process said that it listens, or None."""
    for line in docker("logs", "--since", started, container).splitlines():
        if LISTENS in line:
            return (moment(json.loads(line)["timestamp"]) - moment(started)).total_seconds()
    return None


def moment(text: str) -> datetime:
    """A time of RFC 3339, whose nanoseconds are cut."""
    whole, _, rest = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{whole}.{(rest + '000000')[:6]}+00:00")


def memory(container: str) -> float:
    """Megabytes of all processes in a container."""
    own = docker("top", container, "-o", "pid").split()[1:]
    return sum(map(proportional, own)) / MB


def proportional(pid: str) -> float:
    """Bytes of a process: its own pages, and its share of those that others have too."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            return next(float(line.split()[1]) * 1024 for line in file if line.startswith("Pss:"))
    except (FileNotFoundError, ProcessLookupError):
        return 0.0


def loaded(arguments: argparse.Namespace, found: Sequence[Footprint]) -> float:
    """Predict for some seconds, look at memory meanwhile, and return predictions per second."""
    rows = json.load(sys.stdin)
    path = f"/api/v1/deployments/{arguments.deployment}/predict"
    headers = {"Authorization": f"Bearer {arguments.key}"}
    end = time.monotonic() + arguments.load
    names = containers(arguments.project)

    def ask(_: int) -> int:
        with httpx.Client(base_url=arguments.url, headers=headers, timeout=30) as client:
            return sum(asked(client, path, rows, end))

    with ThreadPoolExecutor(CLIENTS) as pool:
        counts = [pool.submit(ask, number) for number in range(CLIENTS)]
        while time.monotonic() < end - 2:
            for each, name in zip(found, names, strict=True):
                each.loaded_mb = max(each.loaded_mb, memory(name))
        return sum(count.result() for count in counts) / arguments.load


def asked(client: httpx.Client, path: str, rows: object, end: float) -> Iterator[int]:
    """Ask until the end; yields 1 for each answer."""
    while time.monotonic() < end:
        client.post(path, json={"rows": rows}).raise_for_status()
        yield 1


def docker(*arguments: str) -> str:
    """Run docker; returns its standard output."""
    done = subprocess.run(
        ["docker", *arguments], check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
