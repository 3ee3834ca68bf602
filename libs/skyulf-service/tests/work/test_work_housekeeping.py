"""Scratch folders, periodic tasks, and columns that migrations create as the tables declare them."""

import asyncio
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from skyulf_service.database.engine import Database
from skyulf_service.database.types import Json, UtcDateTime
from skyulf_service.work.claims import Claim
from skyulf_service.work.columns import create_work_index_v1, work_checks_v1, work_columns_v1
from skyulf_service.work.scratch import ScratchFolders
from skyulf_service.work.sweeper import Sweep, Sweeper
from sqlalchemy import Column, Connection, Integer, Uuid
from sqlalchemy.exc import IntegrityError
from work_support import Store, jobs, metadata

HOLDER = """
import sys, pathlib
from skyulf_service.work.scratch import ScratchFolders
print(ScratchFolders(pathlib.Path(sys.argv[1])).open(), flush=True)
sys.stdin.read()
"""


def some_claim() -> Claim:
    return Claim(uuid4(), epoch=3, attempt=1, owner="a", lease=timedelta(seconds=1), row={})


async def test_a_scratch_folder_is_named_by_its_claim_and_removed(tmp_path: Path) -> None:
    scratch, claim = ScratchFolders(tmp_path), some_claim()
    used: list[Path] = []

    async def work() -> None:
        async with scratch.folder(claim) as folder:
            used.append(folder / "sub")
            used[0].mkdir()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await work()

    assert used[0].parent.name == f"{claim.id}-3"
    assert [path.name for path in used[0].parent.parent.iterdir()] == [".lock"]
    scratch.close()
    assert not [*tmp_path.iterdir()]  # noqa: ASYNC240


def test_leftovers_of_the_dead_are_removed_and_those_of_the_living_kept(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    holders = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    dead, living = (Path(str(holder.stdout and holder.stdout.readline().strip())) for holder in holders)
    (dead / "leftover").write_text("x")
    holders[0].kill()
    holders[0].wait()

    own = ScratchFolders(tmp_path).open()

    assert not dead.exists()
    assert living.exists()
    assert own.exists()
    holders[1].communicate()


async def test_a_failing_sweep_comes_again_and_stops_no_other() -> None:
    calls = {"good": 0, "bad": 0}

    async def good() -> None:
        calls["good"] += 1

    async def bad() -> None:
        calls["bad"] += 1
        raise RuntimeError("no")

    sweeper = Sweeper([Sweep("good", 0.02, good), Sweep("bad", 0.02, bad)])
    task = asyncio.create_task(sweeper.run())
    await asyncio.sleep(0.5)
    task.cancel()

    assert min(calls.values()) > 3


async def test_a_sweep_can_be_woken() -> None:
    swept = asyncio.Event()

    async def sweep() -> None:
        swept.set()

    sweeper = Sweeper([Sweep("rare", 3600, sweep)])
    task = asyncio.create_task(sweeper.run())
    await asyncio.wait_for(swept.wait(), 1)
    swept.clear()
    sweeper.wake("rare")

    await asyncio.wait_for(swept.wait(), 1)
    task.cancel()


def migrate(connection: Connection) -> list[object]:
    """Create the table as a migration does; return how it differs from the declared one."""
    context = MigrationContext.configure(connection, opts={"target_metadata": metadata, "compare_type": True})
    with Operations.context(context) as op:
        op.create_table(
            "jobs",
            Column("id", Uuid, primary_key=True),
            Column("project_id", Uuid, nullable=False),
            Column("version", Integer, nullable=False),
            Column("created_at", UtcDateTime, nullable=False),
            Column("updated_at", UtcDateTime, nullable=False),
            Column("spec", Json, nullable=False),
            *work_columns_v1(),
            *work_checks_v1(),
        )
        create_work_index_v1(op, "jobs")
    return [difference for difference in compare_metadata(context, metadata) if "effects" not in str(difference)]


async def test_a_migration_creates_what_the_table_declares(database_url: str) -> None:
    database = Database.open(database_url, name="tests")
    async with database.begin() as connection:
        assert await connection.run_sync(migrate) == []
    await database.close()


@pytest.mark.parametrize(
    "values",
    [{"status": "sleeping"}, {"status": "running"}, {"progress": 1.5}, {"status": "failed"}, {"lease_owner": "a"}],
)
async def test_the_database_refuses_states_that_cannot_be(store: Store, values: dict[str, object]) -> None:
    await store.submit()

    with pytest.raises(IntegrityError):
        async with store.database.begin() as connection:
            await connection.execute(jobs.update().values(values))
