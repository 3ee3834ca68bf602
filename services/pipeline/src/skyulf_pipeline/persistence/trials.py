"""SQL of trials: a row for each, written anew whenever it has changed."""

from typing import cast

from skyulf_service.database.pagination import Page, decode_cursor, encode_cursor, invalid_cursor
from skyulf_service.ids import utc_now
from skyulf_service.work.states import storable_message
from sqlalchemy import RowMapping, Uuid, and_, case, delete, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from skyulf_pipeline.domain.jobs import Job
from skyulf_pipeline.domain.trials import Trial, TrialState, TrialTold
from skyulf_pipeline.persistence import tables

_columns = tables.trials.c
_CURSOR = "trials"


class Trials:
    """The trials of jobs."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection

    async def put(self, job: Job, told: TrialTold) -> None:
        """Write how a trial stands."""
        same = (_columns.job_id == job.id) & (_columns.part == told.part) & (_columns.number == told.number)
        await self.connection.execute(delete(tables.trials).where(same))
        error = None if told.error is None else storable_message(told.error)
        own = {"job_id": job.id, "project_id": job.project_id, "changed_at": utc_now()}
        await self.connection.execute(
            tables.trials.insert().values({**told.model_dump(mode="json"), "error": error, **own})
        )

    async def clear(self, job: Job) -> None:
        """Forget the trials of a job that begins anew."""
        await self.connection.execute(delete(tables.trials).where(_columns.job_id == job.id))

    async def stop(self, job: Job) -> None:
        """Say of trials that ran that nobody works on them any more; another attempt takes them up where they are."""
        running = (_columns.job_id == job.id) & (_columns.state == TrialState.RUNNING.value)
        await self.connection.execute(update(tables.trials).where(running).values(state=TrialState.STOPPED.value))

    async def copy(self, earlier: Job, job: Job) -> None:
        """Let a job begin with the trials of another one; those that run there, nobody runs here."""
        state = case((_columns.state == TrialState.RUNNING.value, TrialState.STOPPED.value), else_=_columns.state)
        own = {"job_id": literal(job.id, Uuid).label("job_id"), "state": state.label("state")}
        names = [column.name for column in tables.trials.columns]
        values = [own.get(name, tables.trials.c[name]) for name in names]
        found = select(*values).where(_columns.job_id == earlier.id)
        await self.connection.execute(tables.trials.insert().from_select(names, found))

    async def all_of(self, job: Job) -> list[TrialTold]:
        """Return all trials of a job, as a runner takes them up again."""
        query = select(tables.trials).where(_columns.job_id == job.id).order_by(_columns.part, _columns.number)
        return [_trial(row).told for row in (await self.connection.execute(query)).mappings()]

    async def page(self, job: Job, *, limit: int, cursor: str | None, state: TrialState | None = None) -> Page[Trial]:
        """Return a page of a job's trials by number; those of outer folds come behind the others."""
        query = select(tables.trials).where(_columns.job_id == job.id)
        if state is not None:
            query = query.where(_columns.state == state.value)
        if cursor is not None:
            part, number = _position(cursor)
            query = query.where(or_(_columns.part > part, and_(_columns.part == part, _columns.number > number)))
        ordered = query.order_by(_columns.part, _columns.number).limit(limit + 1)
        found = [_trial(row) for row in (await self.connection.execute(ordered)).mappings()]
        if len(found) <= limit:
            return Page(found)
        last = found[limit - 1].told
        return Page(found[:limit], encode_cursor(_CURSOR, [last.part, last.number]))


def _position(cursor: str) -> tuple[str, int]:
    part, number = decode_cursor(cursor, _CURSOR, 2)
    if not isinstance(part, str) or not isinstance(number, int) or abs(number) >= 2**31:
        raise invalid_cursor()
    return part, number


def _trial(row: RowMapping) -> Trial:
    values = {name: row[name] for name in TrialTold.model_fields}
    return Trial(TrialTold.model_validate(cast("dict[str, object]", values)), row["changed_at"])
