"""A job that takes far longer than consumers are patient: no group of consumers notices."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from harness import configs, flights
from harness.distributed import Distributed
from harness.groups import Group, groups
from harness.labour import begun
from harness.promises import Figures

LOOK_SECONDS = 0.2
SESSION_SECONDS = 15  # so long a member that was killed, by another test, counts as one
KNOWN_SECONDS = 10.0
# of trainings that take seconds, for an hour: no machine is too fast for it
ROUNDS, ROWS, SEARCH = 1_000, 100_000, {"timeout": 3600.0}
JOB_SECONDS = 330  # aiokafka's `max_poll_interval_ms`, as the consumers set it, is 300 s

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.promise("R8")
def test_no_group_is_rebalanced_while_a_job_runs(distributed: Distributed, figures: Figures) -> None:
    with distributed.project() as api:
        dataset = api.ready_dataset(flights.csv(flights.training(ROWS)))
        settled(distributed.bootstrap)
        job, _workers = begun(distributed, api, dataset["id"], name="long", rounds=ROUNDS, tuning=SEARCH)

        with watched(distributed.bootstrap) as seen:
            began = time.monotonic()
            slowest = 0.0
            while time.monotonic() - began < JOB_SECONDS:
                asked = time.monotonic()
                api.ready_dataset(configs.tiny_data(), name="beside")  # known to pipelines: its event was consumed
                slowest = max(slowest, time.monotonic() - asked)
                time.sleep(max(0.0, min(JOB_SECONDS / 10, began + JOB_SECONDS - time.monotonic())))
        assert api.ok("GET", f"/jobs/{job['id']}")["status"] == "running"
        api.ok("POST", f"/jobs/{job['id']}/cancel")
        assert api.job(job["id"])["status"] == "cancelled"

    assert len(seen) > 1
    assert all(found == seen[0] for found in seen), [found for found in seen if found != seen[0]][:3]
    assert {group.state for group in seen[0]} == {"Stable"}
    assert slowest < KNOWN_SECONDS
    figures(
        f"a job of {JOB_SECONDS} s: {len(seen)} looks at {len(seen[0])} groups, 0 rebalances; events beside it were "
        f"consumed within {slowest:.1f} s"
    )


def settled(bootstrap: str) -> None:
    """Wait until nothing has moved for as long as a member that is gone may still be counted."""
    last, since = groups(bootstrap), time.monotonic()
    while time.monotonic() - since < SESSION_SECONDS + 2:
        time.sleep(0.5)
        if (now := groups(bootstrap)) != last:
            last, since = now, time.monotonic()


@contextmanager
def watched(bootstrap: str) -> Iterator[list[frozenset[Group]]]:
    """Look at all groups of consumers again and again for as long as the block takes."""
    seen = [groups(bootstrap)]
    over = threading.Event()

    def watch() -> None:
        while not over.wait(LOOK_SECONDS):
            seen.append(groups(bootstrap))

    thread = threading.Thread(target=watch, name="looks at groups")
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()
