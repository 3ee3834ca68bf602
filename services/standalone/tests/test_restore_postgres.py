"""Restoring databases of PostgreSQL: what can fail is tried first, and half of it is refused by every role."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic

import asyncpg
import pytest
from harness.half_restored import prepared, refused
from skyulf_service.database.engine import Database
from skyulf_service.settings import SharedSettings
from skyulf_service.testing.handles import PostgresServer
from skyulf_standalone.backup import cut, postgres
from skyulf_standalone.backup.archive import files
from skyulf_standalone.backup.errors import BackupError
from skyulf_standalone.backup.making import back_up
from skyulf_standalone.backup.manifest import Manifest
from skyulf_standalone.backup.restoring import restore
from skyulf_standalone.backup.targets import PostgresTarget
from skyulf_standalone.backup.watching import Nobody
from skyulf_standalone.services import SERVICES, service_of
from sqlalchemy import text
from sqlalchemy.engine import make_url

pytestmark = pytest.mark.postgres


@pytest.fixture
def home(tmp_path: Path, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Five databases with their schemas, and a folder with the keys."""
    monkeypatch.setenv("SKYULF_HOME", str(tmp_path / "home"))
    databases = {name: postgres_server.create_database() for name in SERVICES}
    for name, database in databases.items():
        monkeypatch.setenv(f"SKYULF_{name.upper()}_DATABASE_URL", postgres_server.url(database))

    asyncio.run(prepared())
    yield tmp_path / "home"
    for database in databases.values():
        postgres_server.drop_database(database)


def keys(home: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (home / "keys").iterdir()}


def test_with_kafka_away_nothing_is_changed(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.run(back_up(tmp_path / "backup.tgz", Nobody()))
    (home / "keys" / "gateway.key").rename(home / "keys" / "other.key")
    before = keys(home)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        monkeypatch.setenv("SKYULF_FORM", "distributed")
        monkeypatch.setenv("SKYULF_KAFKA_BOOTSTRAP", f"127.0.0.1:{nobody.getsockname()[1]}")

        with pytest.raises(BackupError, match=r"does not answer .* nothing was restored"):
            asyncio.run(restore(tmp_path / "backup.tgz", Nobody(), replace=True))

    assert keys(home) == before
    assert not (home / ".restoring").exists()
    assert asyncio.run(refused()) == []


def test_a_restore_that_breaks_off_is_seen_by_every_service(home: Path, tmp_path: Path) -> None:
    manifest, staging = asyncio.run(unpacked(tmp_path))
    dump = staging / manifest.databases[-1].file
    whole = dump.read_bytes()
    dump.write_bytes(whole[:-2000])

    with pytest.raises(BackupError, match="pg_restore"):
        asyncio.run(put(manifest, staging, tmp_path))
    halfway = asyncio.run(refused())
    dump.write_bytes(whole)
    asyncio.run(put(manifest, staging, tmp_path))

    assert halfway == list(SERVICES)
    assert asyncio.run(refused()) == []


async def test_a_backup_waits_for_a_long_transaction_and_lets_others_go_on_meanwhile(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cut, "LOCK_SECONDS", 0.3)
    databases = [Database.open(service_of(name).settings().database, name=name) for name in SERVICES]
    first, last = databases[0], databases[-1]

    async def publish(database: Database, seconds: float) -> None:
        async with database.begin() as connection:
            await connection.execute(text("LOCK TABLE outbox IN ROW EXCLUSIVE MODE"))
            await asyncio.sleep(seconds)

    long = asyncio.create_task(publish(last, 2.5))
    await asyncio.sleep(0.1)
    backup = asyncio.create_task(back_up(tmp_path / "backup.tgz", Nobody()))
    waits = []
    while not long.done():
        began = monotonic()
        await publish(first, 0.01)
        waits.append(monotonic() - began)
    manifest = await backup
    for database in databases:
        await database.close()

    assert [each.service for each in manifest.databases] == list(SERVICES)
    assert max(waits) < 2.0, "the locks were given back before the long transaction ended"


def test_a_database_that_its_role_may_not_empty_is_said_before_anything_is_changed(
    home: Path, tmp_path: Path, postgres_server: PostgresServer
) -> None:
    asyncio.run(back_up(tmp_path / "backup.tgz", Nobody()))
    (home / "keys" / "gateway.key").rename(home / "keys" / "other.key")
    before, place = keys(home), make_url(service_of("gateway").settings().database).database
    postgres_server.execute(
        f'ALTER DATABASE "{place}" OWNER TO CURRENT_USER', f'GRANT CONNECT ON DATABASE "{place}" TO "{place}"'
    )

    with pytest.raises(BackupError, match=rf"gateway may not empty .* ALTER DATABASE {place} OWNER TO {place}"):
        asyncio.run(restore(tmp_path / "backup.tgz", Nobody(), replace=True))

    assert keys(home) == before
    assert asyncio.run(refused()) == []


async def test_a_long_transaction_is_told_before_anything_is_changed(
    home: Path, tmp_path: Path, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "LOCK_SECONDS", 0.3)
    await back_up(tmp_path / "backup.tgz", Nobody())
    (home / "keys" / "gateway.key").rename(home / "keys" / "other.key")
    before = keys(home)

    async with reading(postgres_server, "registry", "alembic_version") as process:
        with pytest.raises(
            BackupError, match=rf"registry is held by a long transaction \(process {process} of "
        ) as said:
            await restore(tmp_path / "backup.tgz", Nobody(), replace=True)

    assert "half done" not in str(said.value)
    assert keys(home) == before
    assert not (home / ".restoring").exists()
    assert await refused() == []
    await restore(tmp_path / "backup.tgz", Nobody(), replace=True)
    assert keys(home) != before
    assert await refused() == []


async def test_every_database_is_marked_before_a_key_is_replaced(home: Path, tmp_path: Path) -> None:
    await back_up(tmp_path / "backup.tgz", Nobody())
    whole = (home / "keys" / "gateway.key").read_bytes()
    (home / "keys" / "gateway.key").unlink()
    (home / "keys" / "gateway.key").mkdir()  # where the restore stops

    with pytest.raises(BackupError, match="half done"):
        await restore(tmp_path / "backup.tgz", Nobody(), replace=True)

    (home / "keys" / "gateway.key").rmdir()
    assert await refused() == list(SERVICES)
    await restore(tmp_path / "backup.tgz", Nobody(), replace=True)
    assert (home / "keys" / "gateway.key").read_bytes() == whole
    assert await refused() == []


async def test_broken_off_in_the_third_database_no_service_opens_its_own(
    home: Path, tmp_path: Path, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "LOCK_SECONDS", 0.3)
    manifest, staging = await unpacked(tmp_path)

    async with reading(postgres_server, SERVICES[2], "outbox"):
        with pytest.raises(BackupError, match="held by a long transaction"):
            await put(manifest, staging, tmp_path)
        assert await refused() == list(SERVICES)

    await put(manifest, staging, tmp_path)
    assert await refused() == []


async def test_a_role_that_came_in_before_the_mark_is_seen_after_it(home: Path) -> None:
    running = Database.open(service_of("gateway").settings().database, name="gateway")
    await running.ping()
    target = opened()

    with pytest.raises(BackupError, match="1 sessions use the database of gateway"):
        await target.mark()

    assert await refused() == list(SERVICES)
    await target.close()
    await running.close()


@asynccontextmanager
async def reading(server: PostgresServer, service: str, table: str) -> AsyncIterator[int]:
    """An operator's session that has read a table and does not end; gives the number of its process."""
    place = make_url(service_of(service).settings().database).database
    connection = await asyncpg.connect(f"{server.address['url']}/{place}")
    try:
        async with connection.transaction():
            await connection.execute(f"LOCK TABLE {table} IN ACCESS SHARE MODE")
            yield connection.get_server_pid()
    finally:
        await connection.close()


async def unpacked(folder: Path) -> tuple[Manifest, Path]:
    """A new backup, and the folder that its files lie in."""
    manifest = await back_up(folder / "backup.tgz", Nobody())
    for name, _, file in files(folder / "backup.tgz"):
        (folder / "staging" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "staging" / name).write_bytes(file.read())
    return manifest, folder / "staging"


def opened() -> PostgresTarget:
    return PostgresTarget({name: make_url(service_of(name).settings().database) for name in SERVICES}, SharedSettings())


async def put(manifest: Manifest, staging: Path, aside: Path) -> None:
    target = opened()
    try:
        await target.mark()
        await target.put(staging, manifest.databases, aside)
    finally:
        await target.close()
