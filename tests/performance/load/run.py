"""``make load``: uploads, jobs, deployments, readers of events, predictions and swaps, all at once on the distributed
form, for half an hour or as many minutes as are named; then it prints its tables, and ends with 1 where a goal is
broken.

Everything is on this machine: real processes, Kafka, PostgreSQL and S3, on loopback only. It ends by itself.
"""

import argparse
import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from harness.distributed import Distributed
from skyulf_service.testing.handles import KafkaBroker, PostgresServer, S3Server
from skyulf_service.testing.hub import LocalHub
from skyulf_service.testing.native import NativeServer

from performance.load import verdict
from performance.load.memory import Memory, Watched
from performance.load.plan import FULL_MINUTES, Plan
from performance.load.street import Street

# As in production: few messages, and leases that a busy machine does not lose (those of the fault tests are short).
SETTINGS = {
    "SKYULF_LOG_LEVEL": "warning",
    "SKYULF_INGESTION_LEASE_SECONDS": "15",
    "SKYULF_PIPELINE_JOB_LEASE": "PT15S",
}
START_AND_STOP_SECONDS = 600
CLIENT = "this load"
# a secret, shown once to whoever starts a gateway
FIRST_KEY = "Skyulf: first admin key"


def load(plan: Plan, folder: Path, samples: Path | None = None) -> list[str]:
    """Start everything, run the plan, end everything; returns the goals that are broken."""
    with servers() as hub:
        kafka, postgres, s3 = KafkaBroker(hub), PostgresServer(hub), S3Server(hub)
        running = Distributed(folder, kafka=kafka, postgres=postgres, s3=s3, settings=SETTINGS)
        broken: list[str] = []
        try:
            running.start()
            tell("everything runs")
            broken += measured(running, hub, plan, samples)
        finally:
            broken += stopped(running)
        return broken


def measured(running: Distributed, hub: LocalHub, plan: Plan, samples: Path | None) -> list[str]:
    """Run the plan, and print what it shows; returns the goals that are broken."""
    with running.project() as api:
        memory = Memory(lambda: processes(running, hub), seconds=plan.sample_seconds)
        memory.start()
        try:
            found = asyncio.run(Street(running, api, plan, tell).run())
        finally:
            memory.stop()
    if samples is not None:
        samples.write_text(json.dumps({name: track.samples for name, track in memory.tracks.items()}))
    warm = found.began + plan.warm_seconds
    say(verdict.memory_lines(memory.tracks, warm))
    say(verdict.event_lines(found))
    say(verdict.time_lines(found))
    say(verdict.failure_lines(found))
    say(complaints(running))
    say([f"{found.swaps} swaps; answers by version: {found.answers}"])
    gone = [f"{role.name} has ended by itself." for role in running.roles.values() if not role.process.alive]
    return [*verdict.broken(found, memory.tracks, warm), *gone]


def stopped(running: Distributed) -> list[str]:
    """End every process; says which did not end well."""
    try:
        running.stop()
    except AssertionError as error:
        return [f"Not every process ended well: {error}"]
    return []


@contextmanager
def servers() -> Iterator[LocalHub]:
    """Kafka, PostgreSQL and S3, as they are wanted."""
    hub = LocalHub()
    try:
        yield hub
    finally:
        hub.close()


def processes(running: Distributed, hub: LocalHub) -> Mapping[str, Watched]:
    """What is looked at, by name."""
    alive = [role for role in running.roles.values() if role.process.alive]
    found = {role.name: Watched(role.process.pid) for role in alive}
    for kind, server in hub.servers.items():
        if isinstance(server, NativeServer) and server.process is not None and server.alive():
            found[kind] = Watched(server.process.pid, ours=False, family=True)
    found[CLIENT] = Watched(os.getpid(), ours=False)
    return found


def complaints(running: Distributed) -> list[str]:
    """What the processes logged, by level and event."""
    counted: Counter[str] = Counter()
    for name, role in running.roles.items():
        for line in role.process.log_text().splitlines():
            if line.startswith(FIRST_KEY):
                continue
            try:
                said = json.loads(line)
                counted[f"{name}: {said['level']} {str(said['event'])[:80]}"] += 1
            except (ValueError, KeyError, TypeError):
                counted[f"{name}: {line[:80]}"] += 1
    return [f"{count:>6} x {what}" for what, count in counted.most_common(30)] or ["no process logged a warning"]


def tell(line: str) -> None:
    """Say how far it is."""
    print(f"{time.strftime('%H:%M:%S')}  {line}", flush=True)


def say(lines: Iterable[str]) -> None:
    """Print a part of the report."""
    print("\n".join([*lines, ""]), flush=True)


def given() -> argparse.Namespace:
    """What is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=FULL_MINUTES, help="how long (30); in less time less is asked")
    parser.add_argument("--samples", type=Path, metavar="FILE", help="write the samples of memory here, as JSON")
    return parser.parse_args()


def main() -> None:
    """Load for so many minutes."""
    asked = given()
    plan = Plan.of(asked.minutes)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    most = int(plan.seconds + plan.patience + START_AND_STOP_SECONDS)
    signal.signal(signal.SIGALRM, lambda *_: sys.exit(f"It took longer than {most} s."))
    signal.alarm(most)
    say([plan.line()])
    began, folder = time.monotonic(), Path(tempfile.mkdtemp(prefix="skyulf-load-"))
    try:
        broken = load(plan, folder, asked.samples)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    took = f"It took {time.monotonic() - began:.0f} s."
    say([f"{took} {'These goals are broken:' if broken else 'All goals are reached.'}", *broken])
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
