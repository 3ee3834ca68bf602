"""A file that is larger than what a service may remember of it."""

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from harness import configs, flights
from harness.api import Api, Json
from harness.distributed import Distributed

MEGABYTE = 1_000_000
MOST_GROWTH = 150 * MEGABYTE
CHUNK = 1 << 20
WATCHED = ("gateway-api", "ingestion-api", "ingestion-worker", "ingestion-runner")
SAMPLE_SECONDS = 0.02


@pytest.mark.parametrize(
    "megabytes", [60, pytest.param(1000, marks=[pytest.mark.slow, pytest.mark.timeout(1800)], id="1000")]
)
def test_a_large_file_streams_through_memory(distributed: Distributed, tmp_path: Path, megabytes: int) -> None:
    path = tmp_path / "flights.csv"
    rows = write_flights(path, megabytes * MEGABYTE)
    processes = {name: psutil.Process(distributed.roles[name].process.pid) for name in WATCHED}

    with distributed.project() as api:
        api.ready_dataset(configs.tiny_data())  # whatever is loaded at the first upload is not the large file's
        with watched(processes) as grown:
            accepted = upload(api, path)
            found = api.dataset(accepted["id"], seconds=1200)

    assert found["status"] == "ready", found
    assert (found["rows"], found["bytes"]) == (rows, path.stat().st_size), found
    child = grown.pop("child")
    assert all(growth <= MOST_GROWTH for growth in grown.values()), grown
    print({name: f"{growth // MEGABYTE} MB" for name, growth in grown.items()}, f"child: {child // MEGABYTE} MB")
    path.unlink()


def write_flights(path: Path, size: int) -> int:
    """Write all flights again and again, at least so many bytes; returns the number of rows."""
    block = flights.csv(flights.flights())
    header, _, body = block.partition(b"\n")
    rows = 0
    with path.open("wb") as file:
        file.write(header + b"\n")
        while file.tell() < size:
            file.write(body)
            rows += flights.flights().height
    return rows


def upload(api: Api, path: Path) -> Json:
    """Send a file from disk, a chunk at a time."""

    def chunks() -> Iterator[bytes]:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk

    headers = {"Content-Type": "text/csv"}
    accepted: Json = api.ok(
        "POST", "/datasets", params={"name": "large"}, content=chunks(), headers=headers, timeout=600
    )
    return accepted


@contextmanager
def watched(processes: dict[str, psutil.Process]) -> Iterator[dict[str, int]]:
    """Look at the resident memory of processes all the time; fills in by how many bytes each grew at most.

    ``child`` is what the largest child of the runner had in all: it is the one that reads the file.
    """
    grown = dict.fromkeys([*processes, "child"], 0)
    before = {name: process.memory_info().rss for name, process in processes.items()}
    over, turn = threading.Event(), itertools.count()

    def look() -> None:
        while not over.wait(SAMPLE_SECONDS):
            for name, process in processes.items():
                grown[name] = max(grown[name], process.memory_info().rss - before[name])
            if next(turn) % 10 == 0:  # to look for children is to look at every process of the machine
                grown["child"] = max(grown["child"], *children_of(processes["ingestion-runner"]))

    thread = threading.Thread(target=look, name="memory")
    thread.start()
    try:
        yield grown
    finally:
        over.set()
        thread.join()


def children_of(process: psutil.Process) -> Iterator[int]:
    """The resident memory of a process's children, and 0."""
    yield 0
    for child in process.children(recursive=True):
        with suppress(psutil.Error):  # it has just ended
            yield child.memory_info().rss
