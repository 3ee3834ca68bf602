"""Which schema a database has, and which ones a release knows.

Every role looks when it starts, so this reads the migrations' numbers without Alembic: only `migrate` needs that.
"""

import ast
from importlib.resources import files

from sqlalchemy import Connection, inspect, text

from skyulf_service.database.engine import Database
from skyulf_service.errors import SkyulfError


class SchemaMismatchError(SkyulfError):
    """The database's schema is not the one that this release knows."""

    code = "schema-mismatch"
    status = 500
    title = "Unknown database schema"


async def check_schema(database: Database, package: str) -> None:
    """Raise `SchemaMismatchError` unless the database has the newest schema of the package."""
    found = await refuse_unknown(database, package)
    newest = newest_revision(package)
    if found != newest:
        raise SchemaMismatchError(
            f"The database of {database.name} has schema {found or 'none'}, this release needs {newest}: "
            f"run `skyulf migrate {database.name}` with the same settings."
        )


async def refuse_unknown(database: Database, package: str) -> str | None:
    """Return the database's schema (None: it is empty); raise `SchemaMismatchError` where the package has no such."""
    async with database.read() as connection:
        found = await connection.run_sync(_current)
    if found is not None and found not in revisions(package):
        raise SchemaMismatchError(
            f"The database of {database.name} has schema {found}, which this release does not know: "
            "it was made by a newer one. Install that release, or restore a backup."
        )
    return found


def revisions(package: str) -> dict[str, str | None]:
    """The package's revisions, each with the one before it."""
    found: dict[str, str | None] = {}
    for file in (files(package) / "migrations" / "versions").iterdir():
        if file.name.endswith(".py") and file.name != "__init__.py":
            written = _assigned(file.read_text(encoding="utf-8"))
            if isinstance(revision := written.get("revision"), str):
                before = written.get("down_revision")
                found[revision] = before if isinstance(before, str) else None
    return found


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
