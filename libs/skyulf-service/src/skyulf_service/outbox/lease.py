"""A lease row elects one process of a service, by the database's clock."""

import asyncio
import secrets
from datetime import timedelta

import structlog
from sqlalchemy import Table, or_, select, true, update

from skyulf_service.database.engine import Database
from skyulf_service.database.repository import insert_ignoring_conflict
from skyulf_service.database.types import database_now

_log = structlog.get_logger(__name__)
BACKUP = "backup"
"""Held while a backup copies objects: collectors wait, so that what the copied databases refer to stays."""


class Lease:
    """The right to be the only one that does something. It ends by itself when its holder dies.

    ``alone`` says that something else keeps every other process away: whoever still seems to hold it is dead.
    """

    def __init__(self, database: Database, table: Table, name: str, *, ttl: timedelta, alone: bool = False) -> None:
        self._database = database
        self._table = table
        self._name = name
        self._ttl = ttl
        self._alone = alone
        self._held_until = 0.0
        self._taken = asyncio.Event()
        # random per process start: a restarted process is not its own predecessor
        self.owner = secrets.token_hex(16)

    @property
    def held(self) -> bool:
        """Whether the lease is ours at this moment, by what the database last said."""
        return asyncio.get_running_loop().time() < self._held_until

    async def until_held(self) -> None:
        """Wait until the lease is ours."""
        while not self.held:
            self._taken.clear()
            await self._taken.wait()

    async def keep(self) -> None:
        """Take the lease when it is free and extend it, until cancelled. Outages of the database end it by time."""
        while True:
            try:
                await self.hold()
            except Exception as error:
                _log.warning("lease.not_extended", lease=self._name, error=repr(error)[:200])
            await asyncio.sleep(self._ttl.total_seconds() / 3)

    async def hold(self) -> bool:
        """Take or extend the lease; says whether it is ours until ``ttl`` from now."""
        asked_at = asyncio.get_running_loop().time()
        held = await self._claim()
        self._held_until = asked_at + self._ttl.total_seconds() if held else 0.0
        if self.held:
            self._taken.set()
        return held

    async def release(self) -> None:
        """Give the lease up, so that a successor need not wait for its end."""
        self._held_until = 0.0
        mine = self._table.c.name == self._name, self._table.c.owner == self.owner
        async with self._database.begin() as connection:
            await connection.execute(self._table.delete().where(*mine))

    async def _claim(self) -> bool:
        columns = self._table.c
        free = true() if self._alone else or_(columns.owner == self.owner, columns.expires_at < database_now())
        claim = (
            update(self._table)
            .where(columns.name == self._name, free)
            .values(owner=self.owner, expires_at=database_now(self._ttl))
        )
        row: dict[str, object] = {"name": self._name, "owner": self.owner, "expires_at": database_now(self._ttl)}
        async with self._database.begin() as connection:
            if (await connection.execute(claim)).rowcount == 1:
                return True
            return await insert_ignoring_conflict(connection, self._table, row)


async def is_held(database: Database, table: Table, name: str) -> bool:
    """Whether anybody holds the lease of this name now."""
    held = select(table.c.name).where(table.c.name == name, table.c.expires_at >= database_now())
    async with database.read() as connection:
        return (await connection.execute(held)).first() is not None
