"""`skyulf retention`: a dry run changes nothing, `--apply` removes what was shown and no more."""

import asyncio
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from skyulf_service.composition import object_store
from skyulf_service.settings import SharedSettings
from skyulf_standalone.retention import examine
from skyulf_standalone.services import SERVICES, service_of

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
    os.utime(home / "objects" / "skyulf-ingestion" / "orphans" / "old", (0, 0))


async def counts(*, apply: bool = False) -> dict[tuple[str, str], int]:
    return {(each.service, each.what): each.count async for each in examine(apply=apply) if each.count}


EXPECTED = {
    ("registry", "claims of events"): 2500,
    ("registry", "published events"): 1,
    ("ingestion", "orphaned objects"): 1,
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
