"""What tests of long work share."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import psutil
from pydantic import JsonValue
from skyulf_service.database.engine import Database
from skyulf_service.database.repository import Repository
from skyulf_service.database.tables import new_metadata
from skyulf_service.database.types import Json, UtcDateTime, database_now
from skyulf_service.ids import new_id, utc_now
from skyulf_service.scope import Scope
from skyulf_service.work.calls import ChildRunner, Progress
from skyulf_service.work.claims import Claim, LeaseLostError, fence
from skyulf_service.work.columns import columns
from skyulf_service.work.states import WorkState
from sqlalchemy import Column, Integer, RowMapping, Table, Text, Uuid, select, update

HERE = Path(__file__).parent


def children_environment() -> dict[str, str]:
    return {"PYTHONPATH": str(HERE)}


def gone(pids: list[int], seconds: float = 2.0) -> bool:
    """Whether all processes are dead, within some seconds. A zombie is dead, only not buried."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not any(lives(pid) for pid in pids):
            return True
        time.sleep(0.02)
    return False


def lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


async def pids_noted(note: Path, seconds: float = 20.0) -> list[int]:
    """The pids that a napping child wrote down."""
    deadline = time.monotonic() + seconds
    while not (text := _read(note)):
        assert time.monotonic() < deadline, "the child wrote no note"
        await asyncio.sleep(0.02)
    return [int(pid) for pid in text.split()]


def _read(note: Path) -> str:
    return note.read_text() if note.exists() else ""


metadata = new_metadata()
jobs = Table(
    "jobs",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("project_id", Uuid, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("spec", Json, nullable=False),
    *columns("jobs"),
)
# what handlers did, without any constraint that would hide a second time
effects = Table("effects", metadata, Column("job_id", Uuid), Column("effect", Text), Column("epoch", Integer))


@dataclass(kw_only=True)
class Job(WorkState):
    """An aggregate that is worked on."""

    id: UUID = field(default_factory=new_id)
    project_id: UUID = field(default_factory=new_id)
    version: int = 1
    created_at: datetime = field(default_factory=utc_now)
    updated_at: datetime = field(default_factory=utc_now)
    spec: dict[str, JsonValue] = field(default_factory=dict)


class Jobs(Repository[Job]):
    """Where jobs are kept."""

    table = jobs
    entity = "job"

    def to_row(self, aggregate: Job) -> dict[str, object]:
        own = ("id", "project_id", "version", "created_at", "updated_at", "spec")
        return {**{name: getattr(aggregate, name) for name in own}, **aggregate.work_values()}

    def from_row(self, row: RowMapping) -> Job:
        own = ("id", "project_id", "version", "created_at", "updated_at", "spec")
        return Job(**{name: row[name] for name in own}, **Job.work_fields(cast("Mapping[str, object]", row)))


SYSTEM = Scope.system("tests")


class Store:
    """A service's use cases in small: jobs that start, end and leave their effect in a ledger."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @classmethod
    async def create(cls, url: str) -> "Store":
        store = cls(Database.open(url, name="tests"))
        async with store.database.begin() as connection:
            await connection.run_sync(metadata.create_all)
        return store

    async def submit(self, **values: Any) -> Job:
        job = Job(**values)
        async with self.database.begin() as connection:
            await Jobs(connection).add(job)
        self.database.news.announce()
        return job

    async def get(self, id: UUID) -> Job:
        async with self.database.read() as connection:
            return await Jobs(connection).require(SYSTEM, id)

    async def all(self) -> list[Job]:
        async with self.database.read() as connection:
            return list((await Jobs(connection).list(SYSTEM, limit=200)).items)

    async def change(self, id: UUID, change: Callable[[Job], None]) -> None:
        async with self.database.begin() as connection:
            repository = Jobs(connection)
            job = await repository.require(SYSTEM, id, lock=True)
            change(job)
            await repository.save(job)

    async def end(self, claim: Claim, effect: str, change: Callable[[Job], None]) -> None:
        """The fenced commit."""
        async with self.database.begin() as connection:
            await fence(connection, jobs, claim)
            repository = Jobs(connection)
            job = await repository.require(SYSTEM, claim.id)
            if job.spec.get("freeze") == "under the fence" and claim.attempt == 1:
                os.kill(os.getpid(), signal.SIGSTOP)
            change(job)
            await repository.save(job)
            row = {"job_id": claim.id, "effect": effect, "epoch": claim.epoch}
            await connection.execute(effects.insert().values(row))

    async def effects(self) -> list[tuple[UUID, str]]:
        async with self.database.read() as connection:
            found = await connection.execute(select(effects.c.job_id, effects.c.effect))
            return [(row.job_id, row.effect) for row in found]

    async def expire_leases(self) -> None:
        """Let time pass for the leases, without waiting for it."""
        async with self.database.begin() as connection:
            await connection.execute(update(jobs).values(lease_expires_at=database_now(timedelta(seconds=-1))))

    async def until(self, id: UUID, *statuses: str, seconds: float = 60.0) -> Job:
        return await self.when(id, lambda job: job.status in statuses, seconds=seconds)

    async def when(self, id: UUID, condition: Callable[[Job], bool], *, seconds: float = 5.0) -> Job:
        deadline = time.monotonic() + seconds
        job = await self.get(id)
        while not condition(job):
            assert time.monotonic() < deadline, f"still {job.status} after {seconds} s"
            await asyncio.sleep(0.02)
            job = await self.get(id)
        return job


class Handler:
    """Runs a job's spec: ``function`` in a child, or nothing at all."""

    def __init__(self, store: Store, scratch: Path) -> None:
        self.store = store
        self.scratch = scratch
        self.pause = 0.0
        self.may_commit = asyncio.Event()
        self.may_commit.set()

    async def run(self, claim: Claim, child: ChildRunner, progress: Progress) -> None:
        spec = cast(dict[str, JsonValue], claim.row["spec"])
        if "function" in spec:
            scratch = self.scratch / f"{claim.id}-{claim.epoch}"
            scratch.mkdir(parents=True)
            limit = cast("int | None", spec.get("memory_limit"))
            function = f"work_children:{spec['function']}"
            await child.call(function, spec, scratch=scratch, memory_limit=limit, on_progress=progress)
        await asyncio.sleep(self.pause)
        await self.may_commit.wait()
        if spec.get("freeze") == "before the commit" and claim.attempt == 1:
            os.kill(os.getpid(), signal.SIGSTOP)  # the next thing that happens after SIGCONT is the commit
        await asyncio.shield(self._commit(claim))  # careless: it writes even when it is cancelled meanwhile

    async def _commit(self, claim: Claim) -> None:
        try:
            await self.store.end(claim, "succeeded", Job.succeed)
        except LeaseLostError:
            (self.scratch / f"refused-{claim.epoch}").touch()
            raise

    async def failed(self, claim: Claim, code: str, message: str) -> None:
        await self.store.end(claim, f"failed {code}", lambda job: job.fail(code, message))

    async def cancelled(self, claim: Claim) -> None:
        await self.store.end(claim, "cancelled", Job.end_cancelled)
