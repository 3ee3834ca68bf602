"""A table of PostgreSQL that refuses as one on a full disk does, without a disk to fill."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from sqlalchemy import Table, text

from skyulf_service.database.engine import Database

REFUSE = """
    CREATE OR REPLACE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$
"""


@asynccontextmanager
async def no_room(database: Database, table: Table, write: Literal["INSERT", "UPDATE"]) -> AsyncIterator[None]:
    """Let every row that is written so be refused with 53100 for as long as the block takes."""
    trigger = f"CREATE TRIGGER no_room BEFORE {write} ON {table.name} FOR EACH ROW EXECUTE FUNCTION no_room()"
    async with database.begin() as connection:
        await connection.execute(text(REFUSE))
        await connection.execute(text(trigger))
    try:
        yield
    finally:
        async with database.begin() as connection:
            await connection.execute(text(f"DROP TRIGGER no_room ON {table.name}"))
