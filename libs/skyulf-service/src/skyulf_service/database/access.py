"""Who may connect to a service's PostgreSQL database: its own role, though PostgreSQL lets in every role by default."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from skyulf_service.database.engine import Database

_LOOK = text("""
    SELECT pg_get_userbyid(datdba) AS owner,
           pg_get_userbyid(datdba) = current_user AS owned,
           has_database_privilege('public', datname, 'CONNECT')
             OR has_database_privilege('public', datname, 'TEMPORARY') AS open,
           format('REVOKE CONNECT, TEMPORARY ON DATABASE %I FROM PUBLIC', datname) AS close
    FROM pg_database WHERE datname = current_database()
""")


async def close_to_others(connection: AsyncConnection) -> None:
    """Take CONNECT and TEMPORARY from PUBLIC. Nothing where another role owns the database: it alone may do that."""
    found = (await connection.execute(_LOOK)).one()
    if found.owned and found.open:
        await connection.execute(text(found.close))


async def advice_on_access(database: Database) -> str | None:
    """Say what to run where every role of the server may connect; None where that is not so, and on SQLite."""
    if database.dialect != "postgresql":
        return None
    async with database.read() as connection:
        found = (await connection.execute(_LOOK)).one()
    if not found.open:
        return None
    return f"every role of this PostgreSQL server may connect to it; run as {found.owner}: {found.close};"
