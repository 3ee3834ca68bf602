"""Restoring databases of PostgreSQL: what can fail is tried first, and half of it is refused by every role."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest
from skyulf_service.database.engine import Database
from skyulf_service.database.revisions import check_schema
from skyulf_service.half_restored import HalfRestoredError
from skyulf_service.settings import SharedSettings
from skyulf_service.testing.handles import PostgresServer
from skyulf_standalone.backup import cut
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

    async def prepare() -> None:
        for name in SERVICES:
            service = service_of(name)
            parts = service.open()
            await service.prepare(parts)
            await parts.close()

    asyncio.run(prepare())
    yield tmp_path / "home"
    for database in databases.values():
        postgres_server.drop_database(database)


def keys(home: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (home / "keys").iterdir()}


async def refused() -> list[str]:
    """The services whose roles would not start."""
    found = []
    for name in SERVICES:
        service = service_of(name)
        parts = service.open()
        try:
            await check_schema(parts.database, service.package)
        except HalfRestoredError:
            found.append(name)
        finally:
            await parts.close()
    return found


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
    manifest = asyncio.run(back_up(tmp_path / "backup.tgz", Nobody()))
    staging = tmp_path / "staging"
    for name, _, file in files(tmp_path / "backup.tgz"):
        (staging / name).parent.mkdir(parents=True, exist_ok=True)
        (staging / name).write_bytes(file.read())
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


async def put(manifest: Manifest, staging: Path, aside: Path) -> None:
    urls = {name: make_url(service_of(name).settings().database) for name in SERVICES}
    target = PostgresTarget(urls, SharedSettings())
    try:
        await target.put(staging, manifest.databases, aside)
    finally:
        await target.close()
