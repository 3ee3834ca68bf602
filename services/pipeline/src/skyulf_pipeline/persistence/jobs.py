"""SQL of jobs and their logs."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any
from uuid import UUID

from skyulf_service.database.pagination import Page, decode_cursor, encode_cursor, invalid_cursor
from skyulf_service.database.repository import Repository
from skyulf_service.ids import utc_now
from skyulf_service.scope import Scope
from skyulf_service.work.claims import Claim, fence
from skyulf_service.work.states import WorkState, storable_message
from sqlalchemy import ColumnElement, RowMapping, and_, delete, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from skyulf_pipeline.domain.jobs import (
    Artifact,
    Job,
    JobKind,
    LogLevel,
    LogLine,
    LogText,
    Outcome,
    Pinned,
    Received,
)
from skyulf_pipeline.domain.judging import Importance, JudgingFile, MetricInterval, ReportFormat
from skyulf_pipeline.domain.trials import BestTrial
from skyulf_pipeline.persistence import tables

MAX_LINES = 2_000
_SYSTEM = Scope.system("pipeline")
_OWN = (
    "id", "project_id", "pipeline_id", "pipeline_version", "pipeline_name", "dataset_id", "dataset_version",
    "dataset_name", "register_as", "author", "traceparent", "created_at", "updated_at", "version", "tuning",
    "keep_best",
)  # fmt: skip


class JobRepository(Repository[Job]):
    """Jobs. Claims and heartbeats are the work queue's."""

    table = tables.jobs
    entity = "job"

    def to_row(self, aggregate: Job) -> dict[str, object]:
        """Write a job as a row, without the expiry of its lease."""
        row: dict[str, object] = {name: getattr(aggregate, name) for name in _OWN}
        outcome = None if aggregate.outcome is None else asdict(aggregate.outcome)
        report = None if outcome is None else outcome.pop("report")
        status = aggregate.status.value
        sources = {name: {**asdict(pin), "dataset_id": str(pin.dataset_id)} for name, pin in aggregate.sources.items()}
        best = None if aggregate.best is None else asdict(aggregate.best)
        made = {"kind": aggregate.kind.value, "outcome": outcome, "report": report, "sources": sources, "best": best}
        received = None if aggregate.received is None else asdict(aggregate.received)
        return {**row, **aggregate.work_values(), "status": status, "received": received, **made}

    def from_row(self, row: RowMapping) -> Job:
        """Read a job from a row."""
        own = {name: row[name] for name in _OWN}
        outcome = None if row["outcome"] is None else _outcome(row["outcome"], row["report"])
        sources = {name: _pinned(stored) for name, stored in row["sources"].items()}
        kind, best = JobKind(row["kind"]), None if row["best"] is None else BestTrial(**row["best"])
        work: dict[str, Any] = WorkState.work_fields(dict(row))
        received = None if row["received"] is None else Received(**row["received"])
        return Job(**own, **work, kind=kind, outcome=outcome, sources=sources, best=best, received=received)

    async def held(self, claim: Claim) -> Job:
        """Return the job of a claim that nobody has taken over, or raise `LeaseLostError`."""
        await fence(self.connection, self.table, claim)
        return await self.require(_SYSTEM, claim.id)


class JobLogs:
    """The lines that jobs have logged, at most `MAX_LINES` of one attempt."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection

    async def append(self, job: Job, lines: Sequence[LogText]) -> None:
        """Add lines to the job's present attempt; what is beyond the bound is left out."""
        columns = tables.job_logs.c
        query = select(func.coalesce(func.max(columns.seq), 0)).where(
            columns.job_id == job.id, columns.attempt == job.attempt
        )
        last = int(await self.connection.scalar(query) or 0)
        rows = [
            {
                "job_id": job.id,
                "attempt": job.attempt,
                "seq": last + number,
                "project_id": job.project_id,
                "at": line.at,
                "level": line.level.value,
                "message": storable_message(line.message),
            }
            for number, line in enumerate(lines[: max(MAX_LINES - last, 0)], start=1)
        ]
        if rows:
            await self.connection.execute(tables.job_logs.insert(), rows)

    async def forget(self, keep: timedelta, *, limit: int) -> int:
        """Remove up to so many lines of jobs that ended longer ago; returns how many."""
        key = list(tables.job_logs.primary_key.columns)
        chosen = select(*key).where(is_old_log(keep)).limit(limit)
        return (await self.connection.execute(delete(tables.job_logs).where(tuple_(*key).in_(chosen)))).rowcount

    async def page(self, job: Job, *, limit: int, cursor: str | None) -> Page[LogLine]:
        """Return a page of a job's log, oldest first."""
        columns = tables.job_logs.c
        query = select(tables.job_logs).where(columns.job_id == job.id)
        if cursor is not None:
            attempt, seq = _position(cursor)
            query = query.where(or_(columns.attempt > attempt, and_(columns.attempt == attempt, columns.seq > seq)))
        rows = (await self.connection.execute(query.order_by(columns.attempt, columns.seq).limit(limit + 1))).mappings()
        found = [_line(row) for row in rows]
        if len(found) <= limit:
            return Page(found)
        last = found[limit - 1]
        return Page(found[:limit], encode_cursor("job_logs", [last.attempt, last.seq]))


def is_old_log(keep: timedelta) -> ColumnElement[bool]:
    """Whether a row of the logs is of a job that ended longer ago; one that runs, or waits to run again, has not."""
    ended = select(tables.jobs.c.id).where(tables.jobs.c.finished_at < utc_now() - keep)
    return tables.job_logs.c.job_id.in_(ended)


def _position(cursor: str) -> tuple[int, int]:
    attempt, seq = decode_cursor(cursor, "job_logs", 2)
    if not isinstance(attempt, int) or not isinstance(seq, int) or max(abs(attempt), abs(seq)) >= 2**31:
        raise invalid_cursor()
    return attempt, seq


def _line(row: RowMapping) -> LogLine:
    return LogLine(
        job_id=row["job_id"],
        attempt=row["attempt"],
        seq=row["seq"],
        at=row["at"],
        level=LogLevel(row["level"]),
        message=row["message"],
    )


def _pinned(stored: dict[str, str | int]) -> Pinned:
    return Pinned(UUID(str(stored["dataset_id"])), int(stored["version"]), str(stored["name"]))


def _outcome(stored: dict[str, Any], report: dict[str, dict[str, Any]] | None) -> Outcome:
    values = dict(stored)
    artifact, evaluation = values.pop("artifact"), values.pop("evaluation")
    classes = values.pop("classes")
    if not isinstance(artifact, dict):
        raise TypeError("a stored outcome names its artifact")
    intervals = {name: MetricInterval(**each) for name, each in values.pop("intervals", {}).items()}
    importances = tuple(Importance(**each) for each in values.pop("importances", ()))
    return Outcome(
        **values,  # written by to_row
        classes=tuple(classes) if isinstance(classes, list | tuple) else None,
        artifact=Artifact(**artifact),
        evaluation=JudgingFile(**evaluation) if isinstance(evaluation, dict) else None,
        intervals=intervals,
        importances=importances,
        report=None if report is None else {ReportFormat(form): JudgingFile(**file) for form, file in report.items()},
    )
