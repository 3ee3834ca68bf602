"""A lease row elects one process of a service, by the database's clock."""

import secrets
from datetime import timedelta

from sqlalchemy import Table, or_, update

from skyulf_service.database.engine import Database
from skyulf_service.database.repository import insert_ignoring_conflict
from skyulf_service.database.types import database_now


class Lease:
    """The right to be the only one that does something. It ends by itself when its holder dies."""

    def __init__(self, database: Database, table: Table, name: str, *, ttl: timedelta) -> None:
        self._database = database
        self._table = table
        self._name = name
        self._ttl = ttl
        # random per process start: a restarted process is not its own predecessor
        self.owner = secrets.token_hex(16)

    async def hold(self) -> bool:
        """Take or extend the lease; says whether it is ours until ``ttl`` from now."""
        columns = self._table.c
        free = or_(columns.owner == self.owner, columns.expires_at < database_now())
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

    async def release(self) -> None:
        """Give the lease up, so that a successor need not wait for its end."""
        mine = self._table.c.name == self._name, self._table.c.owner == self.owner
        async with self._database.begin() as connection:
            await connection.execute(self._table.delete().where(*mine))
