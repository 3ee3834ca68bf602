"""How long a server needs until it is ready, and the memory that it holds after its first prediction."""

import http.client
import json
import os
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from skyulf_service.testing.ports import http_status

from performance.serving import Target

PATIENCE_SECONDS = 60.0
LOOK_SECONDS = 0.005


@dataclass(frozen=True)
class Start:
    """One start."""

    seconds: float
    cpu_seconds: float
    rss_mb: float


def measure(
    target: Target, command: Sequence[str], env: Mapping[str, str], row: object, log: Path, *, times: int
) -> dict[str, float]:
    """Start the server some times, one after the other; returns medians."""
    starts = [_once(target, command, env, row, log) for _ in range(times)]
    return {
        "ready_seconds": statistics.median(start.seconds for start in starts),
        "ready_cpu_seconds": statistics.median(start.cpu_seconds for start in starts),
        "rss_mb": statistics.median(start.rss_mb for start in starts),
    }


def _once(target: Target, command: Sequence[str], env: Mapping[str, str], row: object, log: Path) -> Start:
    began = time.perf_counter()
    with log.open("ab") as output:
        process = subprocess.Popen(
            list(command), env={**os.environ, **env}, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        seconds = _until_ready(process, target.port, began, log)
        watched = psutil.Process(process.pid)
        spent = watched.cpu_times()
        _predict(target, row)
        return Start(seconds, spent.user + spent.system, watched.memory_info().rss / 2**20)
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _until_ready(process: "subprocess.Popen[bytes]", port: int, began: float, log: Path) -> float:
    while time.perf_counter() - began < PATIENCE_SECONDS:
        if http_status(f"http://127.0.0.1:{port}/readyz") == 200:
            return time.perf_counter() - began
        if process.poll() is not None:
            break
        time.sleep(LOOK_SECONDS)
    raise SystemExit(f"The server was not ready:\n{log.read_text(errors='replace')[-2000:]}")


def _predict(target: Target, row: object) -> None:
    """Ask once; a replica that has just started may still be fetching what it shall serve."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    headers = {"Content-Type": "application/json", **target.headers()}
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=30)
        connection.request("POST", target.path, json.dumps({"rows": [row]}), headers)
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
        connection.close()
        if answer.status == 200:
            return
        if time.monotonic() > deadline:
            raise SystemExit(f"{target.name} did not predict: {answer.status} {text[:1000]}")
        time.sleep(0.1)
