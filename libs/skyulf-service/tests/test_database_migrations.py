"""Migrations of a package: complete, repeatable, safe for referring rows, and refused where unknown."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
from skyulf_service.database.access import advice_on_access
from skyulf_service.database.engine import Database
from skyulf_service.database.migrations import differences, upgrade
from skyulf_service.database.revisions import SchemaMismatchError, await_schema, check_schema
from skyulf_service.database.tables import add_messaging_tables, new_metadata
from skyulf_service.testing.handles import PostgresServer
from sqlalchemy import CheckConstraint, Column, ForeignKey, Integer, MetaData, Table, Text, text

ENV = """
from skyulf_service.database.migrations import run_env
from {package}.tables import metadata

run_env(metadata)
"""
TABLES = "from skyulf_service.database.tables import new_metadata\n\nmetadata = new_metadata()\n"
FIRST = """
import sqlalchemy as sa
from alembic import op
from skyulf_service.database.migrations import create_messaging_tables_v1

revision = "0001"
down_revision = None


def upgrade():
    create_messaging_tables_v1()
    op.create_table(
        "shelves",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("label", sa.Text, nullable=False),
        sa.CheckConstraint("id > 0", name="positive"),
    )
    op.create_table(
        "books",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("shelf_id", sa.Integer, sa.ForeignKey("shelves.id", ondelete="CASCADE"), nullable=False),
    )
"""
SECOND = """
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    with op.batch_alter_table("shelves", recreate="auto") as batch:
        batch.alter_column("label", new_column_name="title")
"""


def declared() -> MetaData:
    metadata = new_metadata()
    add_messaging_tables(metadata)
    Table(
        "shelves",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("title", Text, nullable=False),
        CheckConstraint("id > 0", name="positive"),
    )
    shelf = ForeignKey("shelves.id", ondelete="CASCADE")
    Table(
        "books", metadata, Column("id", Integer, primary_key=True), Column("shelf_id", Integer, shelf, nullable=False)
    )
    return metadata


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    name = f"library_{tmp_path.name.replace('-', '_')}"
    versions = tmp_path / name / "migrations" / "versions"
    versions.mkdir(parents=True)
    for folder in (tmp_path / name, tmp_path / name / "migrations", versions):
        (folder / "__init__.py").touch()
    (tmp_path / name / "tables.py").write_text(TABLES)
    (tmp_path / name / "migrations" / "env.py").write_text(ENV.format(package=name))
    (versions / "0001_shelves.py").write_text(FIRST)
    monkeypatch.syspath_prepend(tmp_path)
    yield name
    for module in [each for each in sys.modules if each.startswith(name)]:
        del sys.modules[module]


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database.open(database_url, name="library")
    yield opened
    await opened.close()


def add_second(package: str, tmp_path: Path) -> None:
    (tmp_path / package / "migrations" / "versions" / "0002_titles.py").write_text(SECOND)


async def test_the_migrations_make_the_declared_tables_and_keep_referring_rows(
    database: Database, package: str, tmp_path: Path
) -> None:
    await upgrade(database, package)
    async with database.begin() as connection:
        await connection.execute(text("INSERT INTO shelves (id, label) VALUES (1, 'history')"))
        await connection.execute(text("INSERT INTO books (id, shelf_id) VALUES (7, 1)"))

    add_second(package, tmp_path)
    await upgrade(database, package)
    await upgrade(database, package)

    await check_schema(database, package)
    assert await differences(database, declared()) == []
    async with database.read() as connection:
        assert (await connection.execute(text("SELECT id FROM books"))).scalars().all() == [7]
        assert (await connection.execute(text("SELECT title FROM shelves"))).scalars().all() == ["history"]


async def test_differences_are_named(database: Database, package: str) -> None:
    await upgrade(database, package)
    metadata = declared()
    metadata.tables["books"].append_constraint(CheckConstraint("id < 9", name="few"))

    found = " ".join(await differences(database, metadata))

    assert "title" in found
    assert "label" in found
    assert "ck_books_few" in found


async def test_a_schema_that_is_missing_or_old_names_the_command(
    database: Database, package: str, tmp_path: Path
) -> None:
    with pytest.raises(SchemaMismatchError, match="skyulf migrate"):
        await check_schema(database, package)
    await upgrade(database, package)
    await check_schema(database, package)

    add_second(package, tmp_path)
    with pytest.raises(SchemaMismatchError, match="skyulf migrate"):
        await check_schema(database, package)


async def test_a_newer_schema_is_left_alone(database: Database, package: str) -> None:
    await upgrade(database, package)
    async with database.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '0099'"))

    for attempt in (check_schema, upgrade):
        with pytest.raises(SchemaMismatchError, match="newer"):
            await attempt(database, package)


async def test_who_awaits_the_schema_goes_on_when_it_is_there(database: Database, package: str, tmp_path: Path) -> None:
    await upgrade(database, package)
    add_second(package, tmp_path)

    waiting = asyncio.create_task(await_schema(database, package, seconds=30, pause=0.05))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    await upgrade(database, package)

    await asyncio.wait_for(waiting, timeout=10)


async def test_who_awaits_the_schema_does_not_wait_for_ever(database: Database, package: str) -> None:
    with pytest.raises(SchemaMismatchError, match=r"has not got schema 0001 within 0\.2 s \(it has schema none\)"):
        await await_schema(database, package, seconds=0.2, pause=0.05)


async def test_who_awaits_the_schema_does_not_wait_for_an_older_release(database: Database, package: str) -> None:
    await upgrade(database, package)
    async with database.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '0099'"))

    with pytest.raises(SchemaMismatchError, match="newer"):
        await asyncio.wait_for(await_schema(database, package, seconds=30), timeout=5)


async def test_a_database_that_is_not_made_yet_is_awaited(postgres_server: PostgresServer, package: str) -> None:
    mine = postgres_server.create_database()
    database = Database.open(postgres_server.url(mine), name="library")
    postgres_server.drop_database(mine)

    with pytest.raises(SchemaMismatchError, match="within 1 s"):
        await await_schema(database, package, seconds=1, pause=0.05)

    await database.close()


async def test_a_failing_migration_changes_nothing(database: Database, package: str, tmp_path: Path) -> None:
    await upgrade(database, package)
    broken = SECOND + '    raise RuntimeError("broken")\n'
    (tmp_path / package / "migrations" / "versions" / "0002_titles.py").write_text(broken)

    with pytest.raises(RuntimeError, match="broken"):
        await upgrade(database, package)

    async with database.begin() as connection:
        await connection.execute(text("INSERT INTO shelves (id, label) VALUES (1, 'history')"))


async def test_several_upgrades_at_once_take_turns(database: Database, package: str) -> None:
    await asyncio.gather(*(upgrade(database, package) for _ in range(4)))

    await check_schema(database, package)


async def test_a_migrated_database_is_closed_to_other_roles(postgres_server: PostgresServer, package: str) -> None:
    mine, other = postgres_server.create_database(), postgres_server.create_database()
    database = Database.open(postgres_server.url(mine), name="library")
    foreign = postgres_server.url(mine, role=other).replace("+asyncpg", "")
    await (await asyncpg.connect(foreign)).close()
    assert f"run as {mine}: REVOKE CONNECT, TEMPORARY ON DATABASE {mine} FROM PUBLIC;" in str(
        await advice_on_access(database)
    )

    await upgrade(database, package)
    await upgrade(database, package)

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(foreign)
    assert await advice_on_access(database) is None
    await check_schema(database, package)
    await database.close()
    postgres_server.drop_database(mine)
    postgres_server.drop_database(other)


async def test_who_does_not_own_a_database_leaves_its_door_as_it_is(
    postgres_server: PostgresServer, package: str
) -> None:
    owner, guest = postgres_server.create_database(), postgres_server.create_database()
    postgres_server.execute(f'ALTER DATABASE "{guest}" OWNER TO "{owner}"')
    given = postgres_server.url(guest).replace("+asyncpg", "")
    connection = await asyncpg.connect(postgres_server.url(guest, role=owner).replace("+asyncpg", ""))
    await connection.execute("GRANT CREATE, USAGE ON SCHEMA public TO PUBLIC")
    await connection.close()
    database = Database.open(postgres_server.url(guest), name="library")

    await upgrade(database, package)

    assert f"run as {owner}: " in str(await advice_on_access(database))
    await (await asyncpg.connect(given)).close()
    await database.close()
    postgres_server.drop_database(guest)
    postgres_server.drop_database(owner)
