"""`skyulf retention`: a dry run changes nothing, `--apply` removes what was shown and no more."""

import asyncio
import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from skyulf_pipeline.main import SERVICE as PIPELINE
from skyulf_pipeline.main import old_logs
from skyulf_pipeline.persistence.tables import job_logs, jobs
from skyulf_service.composition import object_store
from skyulf_service.ids import utc_now
from skyulf_service.messaging.records import Record
from skyulf_service.objects.blobs import BlobRef
from skyulf_service.objects.store import ObjectStore
from skyulf_service.settings import SharedSettings
from skyulf_standalone.retention import _needed, examine
from skyulf_standalone.services import SERVICES, service_of
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

EVENT = (
    "INSERT INTO outbox (event_id, topic, type, source, data_schema, aggregate_id, aggregate_version, project_id, body,"
    " occurred_at, published_at) VALUES ('{0}', 't', 't', 's', 'd', '{0}', 1, 'p', '{{}}', '{1}', {2})"
)
OLD, NEW = "2026-01-01 00:00:00.000000", "2999-01-01 00:00:00.000000"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Old and new things, of which the old ones may go."""
    monkeypatch.setenv("SKYULF_HOME", str(tmp_path))
    asyncio.run(prepare(tmp_path))
    with closing(sqlite3.connect(tmp_path / "db" / "registry.sqlite3")) as connection:
        for number in range(2500):  # more than one batch
            connection.execute("INSERT INTO inbox VALUES ('c', ?, ?)", (f"{number:032x}", OLD))
        connection.execute("INSERT INTO inbox VALUES ('c', 'new', ?)", (NEW,))
        connection.execute(EVENT.format("old", OLD, f"'{OLD}'"))
        connection.execute(EVENT.format("new", OLD, f"'{NEW}'"))
        connection.execute(EVENT.format("waiting", OLD, "NULL"))  # old, but nobody has it yet
        connection.commit()
    return tmp_path


async def prepare(home: Path) -> None:
    for name in SERVICES:
        service = service_of(name)
        parts = service.open()
        await service.prepare(parts)
        await parts.close()
    store = object_store(SharedSettings(home=home), "skyulf-ingestion")
    for key in ("orphans/old", "orphans/new"):
        await store.put_bytes(key, b"nobody refers to it")
    await log_jobs()
    os.utime(home / "objects" / "skyulf-ingestion" / "orphans" / "old", (0, 0))


async def log_jobs() -> None:
    """Lines of a job that ended long ago, of one that has just ended, and of one that has run for long."""
    long_ago, now = utc_now() - timedelta(days=365), utc_now()
    states: list[dict[str, object]] = [
        {"status": "failed", "finished_at": long_ago},
        {"status": "cancelled", "finished_at": now},
        {"status": "running", "lease_owner": "a runner"},
    ]
    service = service_of("pipeline")
    parts = service.open()
    for state in states:
        job: dict[str, object] = {
            "id": uuid4(), "project_id": uuid4(), "kind": "train", "pipeline_id": uuid4(), "pipeline_version": 1,
            "pipeline_name": "p", "dataset_id": uuid4(), "dataset_version": 1, "dataset_name": "d", "register_as": "m",
            "author": "a", "run_after": long_ago, "queued_at": long_ago, "version": 1, "created_at": long_ago,
            "updated_at": long_ago,
        }  # fmt: skip
        lines = [
            {
                "job_id": job["id"], "attempt": 1, "seq": number, "project_id": job["project_id"], "at": long_ago,
                "level": "info", "message": str(state["status"]),
            }
            for number in range(3)
        ]  # fmt: skip
        async with parts.database.begin() as connection:
            await connection.execute(jobs.insert().values({**job, **state}))
            await connection.execute(job_logs.insert(), lines)
    await parts.close()


async def counts(*, apply: bool = False) -> dict[tuple[str, str], int]:
    return {(each.service, each.what): each.count async for each in examine(apply=apply) if each.count}


EXPECTED = {
    ("registry", "claims of events"): 2500,
    ("registry", "published events"): 1,
    ("ingestion", "orphaned objects"): 1,
    ("pipeline", "logs of ended jobs"): 3,
}


async def test_a_dry_run_counts_and_changes_nothing(home: Path) -> None:
    assert await counts() == EXPECTED
    assert await counts() == EXPECTED


async def test_applied_it_removes_what_was_shown_and_no_more(home: Path) -> None:
    assert await counts(apply=True) == EXPECTED

    assert await counts() == {}
    with closing(sqlite3.connect(home / "db" / "registry.sqlite3")) as connection:
        assert connection.execute("SELECT event_id FROM inbox").fetchall() == [("new",)]
        assert connection.execute("SELECT event_id FROM outbox ORDER BY seq").fetchall() == [("new",), ("waiting",)]
    assert [path.name for path in (home / "objects" / "skyulf-ingestion" / "orphans").iterdir()] == ["new"]
    with closing(sqlite3.connect(home / "db" / "pipeline.sqlite3")) as connection:
        left = connection.execute("SELECT message, count(*) FROM job_logs GROUP BY message ORDER BY message").fetchall()
    assert left == [("cancelled", 3), ("running", 3)]


async def test_a_worker_removes_old_logs_by_itself(home: Path) -> None:
    parts = PIPELINE.open()

    await old_logs(parts).run()

    await parts.close()
    assert ("pipeline", "logs of ended jobs") not in await counts()
    with closing(sqlite3.connect(home / "db" / "pipeline.sqlite3")) as connection:
        assert connection.execute("SELECT count(*) FROM job_logs").fetchone() == (6,)


async def test_letters_that_waited_too_long_are_discarded_and_do_not_come_again(home: Path) -> None:
    parts = PIPELINE.open()
    delivery = PIPELINE.delivery(parts)
    records = [Record("skyulf.datasets.v1", None, b"garbage", [("ce_id", str(uuid4()).encode())]) for _ in range(3)]
    await delivery.process(records)

    assert await waiting_letters() == 3
    assert await waiting_letters(apply=True) == 3
    await delivery.process(records)

    assert await waiting_letters() == 0
    await parts.close()


async def waiting_letters(*, apply: bool = False) -> int:
    found = [each async for each in examine(dead_letters=timedelta(), apply=apply)]
    return sum(each.count for each in found if each.what == "waiting dead letters")


@pytest.mark.postgres
async def test_a_transaction_that_waits_for_many_objects_is_not_ended(tmp_path: Path, postgres_url: str) -> None:
    found: list[object] = []

    async def needs(connection: AsyncConnection, _store: ObjectStore) -> list[BlobRef]:
        found.append(await connection.scalar(text("SHOW idle_in_transaction_session_timeout")))
        return []

    settings = PIPELINE.settings(shared=SharedSettings(home=tmp_path), database_url=postgres_url)  # type: ignore[call-arg]
    parts = PIPELINE.open(settings)
    await _needed(replace(PIPELINE, needs=needs), parts)
    await parts.close()

    assert found == ["0"]
