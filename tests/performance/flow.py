"""How quickly work begins and events arrive: submit to running, and commit to consumed."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime

from harness import configs
from harness.api import Api
from skyulf_service.database.engine import Database
from skyulf_service.database.tables import add_messaging_tables, new_metadata
from sqlalchemy import select

TABLES = add_messaging_tables(new_metadata())


def measure(api: Api, databases: Mapping[str, str], *, runs: int) -> dict[str, float]:
    """Run a tiny pipeline some times, one run after the other, and look at the times that were written down.

    Submit to running is the time from sending the request to the job's ``started_at``. Commit to consumed is the time
    from an event's ``occurred_at``, just before the commit that holds it, to its consumer's ``handled_at``, when its
    handler begins: so it has one commit in it, and not the handler's own work.
    """
    dataset = api.ready_dataset(configs.tiny_data(), name="tiny")
    body = {"name": "tiny", "config": configs.tiny(), "register_as": "tiny"}
    pipeline = api.ok("POST", "/pipelines", json=body)
    api.run(pipeline["id"], dataset["id"])  # the first one warms the child up
    since = datetime.now(UTC)
    waits, repeated = [], 0
    for _ in range(runs):
        sent = datetime.now(UTC)
        job = api.ok("POST", f"/pipelines/{pipeline['id']}/runs", json={"dataset_id": dataset["id"]})
        ended = api.job(job["id"])
        if ended["status"] != "succeeded":
            raise SystemExit(f"A run did not succeed: {ended}")
        if ended["attempt"] > 1:
            repeated += 1  # the time of its first start is no longer known; the report says how many there were
            continue
        waits.append((_moment(ended["started_at"]) - sent).total_seconds() * 1000)
    api.version_of(ended)
    arrivals = asyncio.run(_arrivals(databases, since))
    return {
        "runs": float(runs),
        "repeated": float(repeated),
        "submit_to_running_p50_ms": quantile(waits, 0.50),
        "submit_to_running_p95_ms": quantile(waits, 0.95),
        "events": float(len(arrivals)),
        "commit_to_consumed_p50_ms": quantile(arrivals, 0.50),
        "commit_to_consumed_p99_ms": quantile(arrivals, 0.99),
    }


def quantile(values: list[float], share: float) -> float:
    """The smallest value that is not below this share of all."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


async def _arrivals(databases: Mapping[str, str], since: datetime) -> list[float]:
    """Milliseconds from commit to consumed, of every event and each of its consumers."""
    outbox, inbox = TABLES.outbox.c, TABLES.inbox.c
    occurred: dict[object, datetime] = {}
    handled: list[tuple[object, datetime]] = []
    for name, url in databases.items():
        database = Database.open(url, name=f"bench-{name}", pool_size=1)
        try:
            async with database.read() as connection:
                sent = await connection.execute(
                    select(outbox.event_id, outbox.occurred_at).where(outbox.occurred_at > since)
                )
                occurred.update((row.event_id, row.occurred_at) for row in sent)
                taken = await connection.execute(
                    select(inbox.event_id, inbox.handled_at).where(inbox.handled_at > since)
                )
                handled.extend((row.event_id, row.handled_at) for row in taken)
        finally:
            await database.close()
    return [(at - occurred[event]).total_seconds() * 1000 for event, at in handled if event in occurred]


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
