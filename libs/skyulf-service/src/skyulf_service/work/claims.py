"""The right to work on a row, and the proof of it that every write needs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from sqlalchemy import Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from skyulf_service.errors import ConflictError
from skyulf_service.work.states import ACTIVE


class LeaseLostError(ConflictError):
    """Somebody else holds the row now. Whoever meets this stops and writes nothing."""

    code = "lease-lost"
    title = "Lease lost"


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on one row under one epoch. ``row`` is the row as it was when it was claimed."""

    id: UUID
    epoch: int
    attempt: int
    owner: str
    lease: timedelta
    row: Mapping[str, object] = field(repr=False, compare=False)

    @property
    def project_id(self) -> UUID | None:
        """The project, where the table knows projects."""
        found = self.row.get("project_id")
        return found if isinstance(found, UUID) else None


@dataclass(frozen=True, slots=True)
class HeartbeatResult:
    """What a heartbeat learns: whether the row belongs to somebody else, and whether to stop."""

    lost: bool
    cancel: bool


class WorkFinisher(Protocol):
    """Ends rows in the service's own words: each opens a unit of work, fences, changes the aggregate, publishes."""

    async def failed(self, claim: Claim, code: str, message: str) -> None:
        """Record that the work failed."""
        ...

    async def cancelled(self, claim: Claim) -> None:
        """Record that the work has stopped because somebody asked for it."""
        ...


async def fence(connection: AsyncConnection, table: Table, claim: Claim) -> None:
    """Raise `LeaseLostError` unless the claim still holds; the row stays locked until the transaction ends.

    Call it first in every write transaction of a runner. What holds here cannot be taken away before the commit:
    PostgreSQL locks the row, SQLite admits one writer.
    """
    mine = select(table.c.lease_epoch, table.c.lease_owner, table.c.status).where(table.c.id == claim.id)
    row = (await connection.execute(mine.with_for_update())).one_or_none()
    if row is None or row.status not in ACTIVE or (row.lease_epoch, row.lease_owner) != (claim.epoch, claim.owner):
        raise LeaseLostError(f"The work {claim.id} is no longer held under epoch {claim.epoch}.")
