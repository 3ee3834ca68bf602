"""A table's rows as a queue: claimed by priority and fairness, kept by heartbeats, given back."""

from datetime import timedelta

from sqlalchemy import ColumnElement, FromClause, RowMapping, Select, Table, and_, false, func, select, update
from sqlalchemy.sql.dml import Update

from skyulf_service.database.engine import Database
from skyulf_service.database.types import database_now
from skyulf_service.work.claims import Claim, HeartbeatResult, LeaseLostError, WorkFinisher, fence
from skyulf_service.work.states import ACTIVE, WorkStatus, storable_message

__all__ = ["Claim", "HeartbeatResult", "LeaseLostError", "WorkFinisher", "WorkQueue", "fence"]


class WorkQueue:
    """Work rows of one table. The database's clock decides; terminal states are written by the owning service only.

    A claim and a requeue raise the row's ``version``; a heartbeat does not, so that it disturbs no other writer.
    """

    def __init__(self, table: Table, database: Database) -> None:
        self.table = table
        self.database = database

    async def claim(self, owner: str, *, lease: timedelta) -> Claim | None:
        """Take the next row, or return None when nothing waits.

        The highest priority goes first, then the project with the fewest running rows, then the oldest. Two callers
        never get one row.
        """
        if self.database.dialect == "sqlite" and not await self._something_waits():
            return None  # a look is cheap; the write lock is not, and every idle supervisor would take it at each poll
        async with self.database.begin() as connection:
            row = (await connection.execute(self._claim_statement(owner, lease))).mappings().one_or_none()
        return None if row is None else claim_of(row, lease)

    async def due_in(self) -> float | None:
        """The seconds until the next waiting row may be claimed (0 or less: now), or None where none waits."""
        table = self.table
        waiting = and_(table.c.status == WorkStatus.QUEUED, table.c.cancel_requested == false())
        async with self.database.read() as connection:
            next_at, now = (
                await connection.execute(select(func.min(table.c.run_after), database_now()).where(waiting))
            ).one()
        return None if next_at is None else float((next_at - now).total_seconds())

    async def heartbeat(
        self, claim: Claim, *, progress: float | None = None, step: str | None = None
    ) -> HeartbeatResult:
        """Extend the lease and record progress; the answer says whether to go on."""
        values: dict[str, object] = {"lease_expires_at": database_now(claim.lease)}
        if progress is not None:
            values["progress"] = min(max(progress, 0.0), 1.0)
        if step is not None:
            values["step"] = storable_message(step)
        beat = update(self.table).where(held(self.table, claim)).values(values)
        async with self.database.begin() as connection:
            row = (await connection.execute(beat.returning(self.table.c.cancel_requested))).one_or_none()
        return HeartbeatResult(lost=row is None, cancel=row is not None and bool(row.cancel_requested))

    async def give_back(self, claim: Claim) -> bool:
        """Queue the row again as if it had not been claimed; False where it is not ours or is to be cancelled."""
        attempt = self.table.c.attempt - 1
        return await self._requeue(claim, timedelta(), attempt=attempt)

    async def retry_later(self, claim: Claim, code: str, message: str, *, delay: timedelta) -> bool:
        """Queue the row for its next attempt, with the reason; False where no attempt is left or it is not ours."""
        left = self.table.c.attempt < self.table.c.max_attempts
        reason = {"error_code": code, "error_message": storable_message(message)}
        return await self._requeue(claim, delay, left, **reason)

    async def _requeue(
        self, claim: Claim, delay: timedelta, *conditions: ColumnElement[bool], **values: object
    ) -> bool:
        ours = and_(held(self.table, claim), self.table.c.cancel_requested == false(), *conditions)
        async with self.database.begin() as connection:
            done = await connection.execute(requeue_statement(self.table, delay, **values).where(ours))
        if done.rowcount == 0:
            return False
        self.database.news.announce()
        return True

    async def _something_waits(self) -> bool:
        async with self.database.read() as connection:
            found = await connection.execute(
                select(1).select_from(self.table).where(self._waiting(self.table)).limit(1)
            )
            return found.first() is not None

    @staticmethod
    def _waiting(table: FromClause) -> ColumnElement[bool]:
        due = table.c.run_after <= database_now()
        return and_(table.c.status == WorkStatus.QUEUED, due, table.c.cancel_requested == false())

    def _claim_statement(self, owner: str, lease: timedelta) -> Update:
        table = self.table
        values = {
            "status": WorkStatus.RUNNING,
            "attempt": table.c.attempt + 1,
            "lease_owner": owner,
            "lease_expires_at": database_now(lease),
            "lease_epoch": table.c.lease_epoch + 1,
            "started_at": database_now(),
            "progress": 0.0,
            "step": "",
            **touched(table),
        }
        next_id = self._next_row().scalar_subquery()
        # the status again: on SQLite this makes the statement a conditional update
        claim = update(table).where(table.c.id == next_id, table.c.status == WorkStatus.QUEUED).values(values)
        return claim.returning(*table.c)

    def _next_row(self) -> Select[tuple[object]]:
        waiting = self.table.alias("waiting")
        order = [waiting.c.priority.desc(), waiting.c.queued_at, waiting.c.id]
        found = select(waiting.c.id).where(self._waiting(waiting)).limit(1)
        if "project_id" in self.table.c:
            busy = self.table.alias("busy")
            load = (
                select(busy.c.project_id, func.count().label("rows"))
                .where(busy.c.status.in_(ACTIVE))
                .group_by(busy.c.project_id)
                .subquery("load")
            )
            found = found.outerjoin_from(waiting, load, load.c.project_id == waiting.c.project_id)
            order.insert(1, func.coalesce(load.c.rows, 0))
        return found.order_by(*order).with_for_update(of=waiting, skip_locked=True)


def claim_of(found: RowMapping, lease: timedelta) -> Claim:
    """The claim that a claiming statement returned."""
    return Claim(
        id=found["id"],
        epoch=found["lease_epoch"],
        attempt=found["attempt"],
        owner=found["lease_owner"],
        lease=lease,
        row=dict(found),
    )


def held(table: Table, claim: Claim) -> ColumnElement[bool]:
    """The condition that the claim still holds."""
    mine = and_(table.c.id == claim.id, table.c.lease_epoch == claim.epoch, table.c.lease_owner == claim.owner)
    return and_(mine, table.c.status.in_(ACTIVE))


def requeue_statement(table: Table, delay: timedelta, **values: object) -> Update:
    """Put rows back into the queue; whoever held them is fenced off by the next epoch."""
    return update(table).values(
        {
            "status": WorkStatus.QUEUED,
            "lease_owner": None,
            "lease_expires_at": None,
            "lease_epoch": table.c.lease_epoch + 1,
            "run_after": database_now(delay),
            **touched(table),
            **values,
        }
    )


def touched(table: Table) -> dict[str, object]:
    """The values that tell other writers of the row that it has changed."""
    values: dict[str, object] = {}
    if "version" in table.c:
        values["version"] = table.c.version + 1
    if "updated_at" in table.c:
        values["updated_at"] = database_now()
    return values
