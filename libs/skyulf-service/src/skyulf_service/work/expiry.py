"""What becomes of work whose runner died, or that nobody will start any more."""

import secrets
from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy import RowMapping, Select, and_, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from skyulf_service.database.types import database_now
from skyulf_service.work.claims import Claim, LeaseLostError, WorkFinisher
from skyulf_service.work.failures import LEASE_EXPIRED
from skyulf_service.work.queue import WorkQueue, claim_of, requeue_statement, touched
from skyulf_service.work.states import ACTIVE, WorkStatus

_log = structlog.get_logger(__name__)
_BATCH = 100
_FINISH = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class Expired:
    """A row that must end, taken over so that its former runner cannot write; ``code`` None means cancelled."""

    claim: Claim
    code: str | None = None
    message: str = ""


async def requeue_expired(queue: WorkQueue, finisher: WorkFinisher) -> int:
    """Give rows with expired leases their next attempt, and have the service end those that have none left.

    Rows that are to be cancelled end cancelled; rows without attempts left end as `lease_expired`. Several processes
    may do this at once. Where the service fails to end a row, a later call tries again. Returns how many rows were
    handled.
    """
    if queue.database.dialect == "sqlite" and not await _any_overdue(queue):
        return 0  # a look is cheap; the write lock is not, and every sweep would take it
    async with queue.database.begin() as connection:
        rows = (await connection.execute(_overdue(queue))).mappings().all()
        ends = [end for row in rows if (end := await _next_step(queue, connection, row)) is not None]
    if len(rows) > len(ends):
        queue.database.news.announce()
    for end in ends:
        try:
            await (finisher.cancelled(end.claim) if end.code is None else _fail(finisher, end, end.code))
        except LeaseLostError:
            continue  # another sweeper was faster after our own lease had passed
        except Exception:
            _log.exception("work.end_failed", work_id=str(end.claim.id))
    if rows:
        _log.info("work.expired", requeued=len(rows) - len(ends), ended=len(ends), table=queue.table.name)
    return len(rows)


async def _fail(finisher: WorkFinisher, end: Expired, code: str) -> None:
    await finisher.failed(end.claim, code, end.message)


async def _any_overdue(queue: WorkQueue) -> bool:
    async with queue.database.read() as connection:
        return (await connection.execute(_overdue(queue).limit(1))).first() is not None


def _overdue(queue: WorkQueue) -> Select[tuple[object]]:
    table = queue.table
    abandoned = and_(table.c.status.in_(ACTIVE), table.c.lease_expires_at < database_now())
    pointless = and_(table.c.status == WorkStatus.QUEUED, table.c.cancel_requested == true())
    found = select(*table.c).where(or_(abandoned, pointless))
    # rows that somebody is changing right now are not abandoned
    return found.order_by(table.c.queued_at).limit(_BATCH).with_for_update(skip_locked=True)


async def _next_step(queue: WorkQueue, connection: AsyncConnection, row: RowMapping) -> Expired | None:
    if row["cancel_requested"]:
        return Expired(await _take_over(queue, connection, row, WorkStatus.CANCELLING))
    if row["attempt"] >= row["max_attempts"]:
        message = f"Its runner stopped responding in each of {row['attempt']} attempts."
        return Expired(await _take_over(queue, connection, row, WorkStatus.RUNNING), LEASE_EXPIRED, message)
    await connection.execute(requeue_statement(queue.table, timedelta()).where(queue.table.c.id == row["id"]))
    return None


async def _take_over(queue: WorkQueue, connection: AsyncConnection, row: RowMapping, status: WorkStatus) -> Claim:
    table = queue.table
    values = {
        "status": status,
        "lease_owner": f"sweeper-{secrets.token_hex(8)}",
        "lease_expires_at": database_now(_FINISH),
        "lease_epoch": table.c.lease_epoch + 1,
        **touched(table),
    }
    taken = update(table).where(table.c.id == row["id"]).values(values).returning(*table.c)
    return claim_of((await connection.execute(taken)).mappings().one(), _FINISH)
