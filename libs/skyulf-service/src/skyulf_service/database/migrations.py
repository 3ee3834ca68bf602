"""Alembic, run by program: the migrations of a service are part of its package."""

from importlib.resources import files

import sqlalchemy as sa
from alembic import command, context, op
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData
from sqlalchemy.ext.asyncio import AsyncConnection

from skyulf_service.database.engine import Database
from skyulf_service.database.tables import NAMING, add_messaging_tables
from skyulf_service.errors import SkyulfError


class SchemaMismatchError(SkyulfError):
    """The database's schema is not the one that this release knows."""

    code = "schema-mismatch"
    status = 500
    title = "Unknown database schema"


async def upgrade(database: Database, package: str) -> None:
    """Bring a service's database to the newest schema of its package."""
    config = _config(package)

    def run(connection: Connection) -> None:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

    async with database.begin() as connection:
        await _one_at_a_time(connection)
        await connection.run_sync(run)


async def check_schema(database: Database, package: str) -> None:
    """Raise `SchemaMismatchError` unless the database has the newest schema of the package."""
    newest = ScriptDirectory.from_config(_config(package)).get_current_head()
    async with database.read() as connection:
        found = await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())
    if found != newest:
        raise SchemaMismatchError(
            f"The database of {database.name} has schema {found or 'none'}, this release needs {newest}: "
            f"run `skyulf migrate {database.name}` with the same settings."
        )


async def differences(database: Database, metadata: MetaData) -> list[str]:
    """Say how the database's schema differs from the declared tables; an empty list means not at all."""

    def compare(connection: Connection) -> list[str]:
        options = {"compare_type": True, "include_object": _is_declared}
        return [str(each) for each in compare_metadata(MigrationContext.configure(connection, opts=options), metadata)]

    async with database.read() as connection:
        return await connection.run_sync(compare)


def run_env(metadata: MetaData) -> None:
    """What a service's ``migrations/env.py`` does: run on the connection that `upgrade` handed over."""
    connection: Connection = context.config.attributes["connection"]
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()


def create_messaging_tables_v1() -> None:
    """Create outbox, inbox, dead letters, leases and idempotency keys. Frozen: a change is a new version of this."""
    metadata = sa.MetaData(naming_convention=NAMING)
    add_messaging_tables(metadata)
    metadata.create_all(op.get_bind())


def _is_declared(thing: object, name: str | None, kind: str, reflected: bool, compare_to: object) -> bool:
    return name != "alembic_version"


def _config(package: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(files(package) / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


async def _one_at_a_time(connection: AsyncConnection) -> None:
    # Two `migrate` processes may start at once; SQLite's BEGIN IMMEDIATE keeps them apart already.
    if connection.dialect.name == "postgresql":
        await connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('skyulf.migrate'))"))
