"""What SQLite has committed survives the death of its process, and the file stays sound."""

import asyncio
import sys
from pathlib import Path

import pytest
from harness.promises import Figures
from skyulf_service.database.engine import Database
from skyulf_service.database.unit_of_work import UnitOfWorks
from skyulf_service.ids import new_id
from skyulf_service.scope import Scope
from skyulf_service.testing.processes import kill_tree, spawn
from skyulf_service.testing.sample import Counter, SampleUnitOfWork, create_tables, messaging
from sqlalchemy import select, text

PROGRAM = Path(__file__).with_name("sqlite_writer_program.py")


@pytest.mark.promise("R21")
@pytest.mark.parametrize("lives", [2, pytest.param(15, marks=pytest.mark.slow)])
async def test_killed_processes_of_twenty_writers_lose_nothing(
    sqlite_url: str, tmp_path: Path, lives: int, figures: Figures
) -> None:
    database = Database.open(sqlite_url, name="sample")
    await create_tables(database)
    uows = UnitOfWorks(database, SampleUnitOfWork)
    counter = Counter(project_id=new_id())
    async with uows() as uow:
        await uow.counters.add(counter)

    committed: list[int] = []
    for life in range(lives):
        log = tmp_path / f"{life}.log"
        processes = [spawn([sys.executable, str(PROGRAM), sqlite_url, str(counter.id)], log=log) for _ in range(2)]
        try:
            async with asyncio.timeout(30):
                while not log.exists() or log.read_bytes().count(b"\n") < 50:
                    await asyncio.sleep(0.05)
        finally:
            for process in processes:
                await asyncio.to_thread(kill_tree, process)
        committed += [int(line) for line in log.read_text().splitlines(keepends=True) if line.endswith("\n")]

    async with uows.read() as uow:
        found = await uow.counters.require(Scope.system("sample"), counter.id)
        events = (await uow.connection.execute(select(messaging.outbox.c.aggregate_version))).scalars().all()
        integrity = await uow.connection.scalar(text("PRAGMA integrity_check"))
    await database.close()

    assert len(committed) == len(set(committed)) >= 100
    assert found.value >= max(committed)
    assert found.value == found.version - 1 == len(events)
    assert integrity == "ok"
    figures(f"{2 * lives} processes of 20 writers killed: {len(committed)} commits known, 0 lost, integrity ok")
