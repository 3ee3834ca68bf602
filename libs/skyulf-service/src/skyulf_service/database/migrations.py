"""Alembic, run by program: the migrations of a service are part of its package."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from alembic import command, context, op
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from skyulf_service.database.access import close_to_others
from skyulf_service.database.engine import Database
from skyulf_service.database.messaging_v1 import messaging_tables_v1
from skyulf_service.database.revisions import SUPPORTS, refuse_unknown, revisions, supported_by
from skyulf_service.database.sqlite import use_explicit_transactions

_LOCKS: "WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock]" = WeakKeyDictionary()


async def upgrade(database: Database, package: str) -> None:
    """Bring a service's database to the newest schema of its package, in one transaction.

    On PostgreSQL it also closes the database to other roles, where this role owns it.
    Raises `SchemaMismatchError` when the database has a schema that this release does not know.
    """
    config = _config(package)
    found = await refuse_unknown(database, package)
    if found is not None and found not in revisions(package):
        return  # a newer release has expanded it, and lets this one go on

    def run(connection: Connection) -> None:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        _write_supported(connection, supported_by(package))

    # Alembic's `op` and `context` are the process's: services that start together take turns.
    async with _turns(), _migrating(database) as connection:
        await connection.run_sync(run)
        if database.dialect == "postgresql":
            await close_to_others(connection)


async def differences(database: Database, metadata: MetaData) -> list[str]:
    """Say how the database's schema differs from the declared tables; an empty list means not at all."""

    def compare(connection: Connection) -> list[str]:
        options = {"compare_type": True, "include_object": _is_declared}
        found = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
        return [*map(str, found), *_check_differences(connection, metadata)]

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
    messaging_tables_v1().create_all(op.get_bind(), checkfirst=False)


def _write_supported(connection: Connection, supported: list[str]) -> None:
    """Let older releases read whether they may run on this schema; their own migrations cannot tell them."""
    columns = sa.Column("revision", sa.String(32), primary_key=True), sa.Column("of_schema", sa.String(32))
    table = sa.Table(SUPPORTS, sa.MetaData(), *columns)
    table.create(connection, checkfirst=True)
    connection.execute(table.delete())
    connection.execute(table.insert(), [{"revision": each, "of_schema": supported[0]} for each in supported])


def _check_differences(connection: Connection, metadata: MetaData) -> list[str]:
    # Alembic does not compare CHECK constraints; their names say enough.
    inspector, found = sa.inspect(connection), []
    for table in metadata.tables.values():
        if inspector.has_table(table.name):
            there = {str(each["name"]) for each in inspector.get_check_constraints(table.name)}
            declared = [*table.constraints, *(each for column in table.columns for each in column.constraints)]
            here = {_name_of(each, connection) for each in declared if isinstance(each, sa.CheckConstraint)}
            found += [f"CHECK {name} of {table.name} is only declared" for name in sorted(here - there)]
            found += [f"CHECK {name} of {table.name} is only in the database" for name in sorted(there - here)]
    return found


def _name_of(check: sa.CheckConstraint, connection: Connection) -> str:
    return str(connection.dialect.identifier_preparer.format_constraint(check)).strip('"')


def _is_declared(thing: object, name: str | None, kind: str, reflected: bool, compare_to: object) -> bool:
    return name not in ("alembic_version", SUPPORTS)


def _config(package: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(files(package) / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


@asynccontextmanager
async def _migrating(database: Database) -> AsyncIterator[AsyncConnection]:
    if database.dialect == "postgresql":
        async with database.begin() as connection:
            # two `migrate` processes may start at once; SQLite's BEGIN IMMEDIATE keeps them apart already
            await connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('skyulf.migrate'))"))
            yield connection
        return
    engine = create_async_engine(database.engine.url, poolclass=NullPool)
    # batch mode makes tables anew: with foreign keys on, dropping the old one would empty the tables that refer to it
    use_explicit_transactions(engine, foreign_keys=False)
    try:
        async with Database(engine, name=database.name).begin() as connection:
            yield connection
            dangling = (await connection.execute(sa.text("PRAGMA foreign_key_check"))).all()
            if dangling:
                raise RuntimeError(f"the migration leaves {len(dangling)} rows whose foreign keys lead nowhere")
    finally:
        await engine.dispose()


@asynccontextmanager
async def _turns() -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    async with _LOCKS.setdefault(loop, asyncio.Lock()):
        yield
