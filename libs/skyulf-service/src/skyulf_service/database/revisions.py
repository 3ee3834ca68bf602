"""Which schema a database has, and which ones a release knows.

Every role looks when it starts, so this reads the migrations' numbers without Alembic: only `migrate` needs that.

A migration that only expands says so by ``works_with = "0004"``: releases whose newest schema is 0004 or later may run
on what it makes. `migrate` writes the list of them into the database, where older releases, which do not have the
migration, can read it. Without the line, only its own release may run.
"""

import ast
import asyncio
from collections.abc import Iterator
from importlib.resources import files
from time import monotonic

import asyncpg
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from skyulf_service.database.engine import Database
from skyulf_service.database.failures import driver_error
from skyulf_service.errors import SkyulfError, UnavailableError
from skyulf_service.half_restored import HalfRestoredError, is_marked

SUPPORTS = "schema_supports"


class SchemaMismatchError(SkyulfError):
    """The database's schema is not the one that this release knows."""

    code = "schema-mismatch"
    status = 500
    title = "Unknown database schema"


async def check_schema(database: Database, package: str) -> None:
    """Raise `SchemaMismatchError` unless the database has the newest schema of the package, or one that supports it."""
    found = await refuse_unknown(database, package)
    newest = newest_revision(package)
    if found is None or (found in revisions(package) and found != newest):
        raise SchemaMismatchError(
            f"The database of {database.name} has schema {found or 'none'}, this release needs {newest}: "
            f"run `skyulf migrate {database.name}` with the same settings."
        )


async def await_schema(database: Database, package: str, *, seconds: float, pause: float = 0.5) -> None:
    """Return when the database has the newest schema of the package; it may be away, not made or old until then.

    Raises `SchemaMismatchError` at once where the schema is unknown, and after ``seconds`` where it is still not there.
    """
    ends_at = monotonic() + seconds
    while True:
        try:
            found = await refuse_unknown(database, package)
            if found == newest_revision(package) or (found is not None and found not in revisions(package)):
                return  # that of this release, or of a newer one that supports it
            reason = f"it has schema {found or 'none'}"
        except UnavailableError as error:
            reason = error.detail
        except (DBAPIError, asyncpg.PostgresError) as error:  # such as a role or database that is not made yet
            reason = f"it refuses: {type(driver_error(error)).__name__}"
        if monotonic() >= ends_at:
            raise SchemaMismatchError(
                f"The database of {database.name} has not got schema {newest_revision(package)} within {seconds:g} s "
                f"({reason}): has `skyulf migrate {database.name}` run, and how did it end?"
            )
        await asyncio.sleep(pause)


async def refuse_unknown(database: Database, package: str) -> str | None:
    """Return the database's schema (None: it is empty).

    Raises `SchemaMismatchError` where the package does not know it and it does not support the package either, and
    `HalfRestoredError` where a restore was broken off.
    """
    async with database.read() as connection:
        if await connection.run_sync(is_marked):
            raise HalfRestoredError(f"the database of {database.name}")
        found = await connection.run_sync(_current)
        supported = await connection.run_sync(_supported, found)
    if found is not None and found not in revisions(package) and newest_revision(package) not in supported:
        raise SchemaMismatchError(
            f"The database of {database.name} has schema {found}, which this release does not know: "
            "it was made by a newer one. Install that release, or restore a backup."
        )
    return found


def revisions(package: str) -> dict[str, str | None]:
    """The package's revisions, each with the one before it."""
    return {str(each["revision"]): _text(each.get("down_revision")) for each in _migrations(package)}


def supported_by(package: str) -> list[str]:
    """The newest schemas of the releases that may run on this one's newest schema, which is the first of them."""
    known, works_with = revisions(package), _works_with(package)
    chain: list[str] = []
    before: str | None = newest_revision(package)
    while before is not None:
        chain.append(before)
        before = known[before]
    last = len(chain) - 1
    for place, revision in enumerate(chain):  # each step back must be allowed by all that come after it
        last = min(last, chain.index(works_with.get(revision, revision)))
        if place >= last:
            break
    return chain[: last + 1]


def newest_revision(package: str) -> str:
    """The revision that no other follows. Raises `ValueError` unless there is exactly one."""
    known = revisions(package)
    last = known.keys() - set(known.values())
    if len(last) != 1:
        raise ValueError(f"the migrations of {package} do not end in one revision but in {sorted(last)}")
    return last.pop()


def _current(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return None if found is None else str(found)


def _supported(connection: Connection, schema: str | None) -> list[str]:
    if not inspect(connection).has_table(SUPPORTS):
        return []
    query = text(f"SELECT revision FROM {SUPPORTS} WHERE of_schema = :schema")  # noqa: S608 - a constant
    return [str(found) for found in connection.execute(query, {"schema": schema}).scalars()]


def _works_with(package: str) -> dict[str, str]:
    found = {str(each["revision"]): _text(each.get("works_with")) for each in _migrations(package)}
    return {revision: oldest for revision, oldest in found.items() if oldest is not None}


def _migrations(package: str) -> Iterator[dict[str, object]]:
    for file in (files(package) / "migrations" / "versions").iterdir():
        if file.name.endswith(".py") and file.name != "__init__.py":
            written = _assigned(file.read_text(encoding="utf-8"))
            if isinstance(written.get("revision"), str):
                yield written


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _assigned(source: str) -> dict[str, object]:
    """The constants that a module assigns to names at its top."""
    found: dict[str, object] = {}
    for statement in ast.parse(source).body:
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        if isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        value = getattr(statement, "value", None)
        if isinstance(value, ast.Constant):
            found.update((target.id, value.value) for target in targets if isinstance(target, ast.Name))
    return found
