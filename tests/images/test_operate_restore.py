"""A restore from the container of operations: keys are where services look before any of them may start."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.half_restored import prepared, refused
from skyulf_service.ports import PORTS
from skyulf_service.signing import rotation
from skyulf_service.signing.folders import make_folders
from skyulf_service.testing.handles import PostgresServer
from skyulf_standalone.services import SERVICES

from images.test_operate import operate, reading, started

pytestmark = pytest.mark.postgres
FIRST, LATER = b'{"api_key": "sk_first"}', b'{"api_key": "sk_later"}'


@pytest.fixture
def place(tmp_path: Path, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The volumes of an installation that was backed up, and has changed its keys since."""
    databases = {name: postgres_server.create_database() for name in PORTS}
    for name, database in databases.items():
        monkeypatch.setenv(f"SKYULF_{name.upper()}_DATABASE_URL", postgres_server.url(database))
    make_folders({name: tmp_path / name / "keys" for name in PORTS})
    monkeypatch.setenv("SKYULF_HOME", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("SKYULF_KEYS_DIR", str(tmp_path / "made"))
    asyncio.run(prepared())
    (tmp_path / "gateway-home").mkdir()
    (tmp_path / "gateway-home" / "credentials.json").write_bytes(FIRST)
    assert_well(operate(tmp_path, "backup", str(tmp_path / "kept.tgz")))
    for name in PORTS:
        rotation.rotate(tmp_path / name / "keys", name)
    (tmp_path / "gateway-home" / "credentials.json").write_bytes(LATER)
    yield tmp_path
    for database in databases.values():
        postgres_server.drop_database(database)


def assert_well(done: "subprocess.CompletedProcess[str]") -> None:
    assert done.returncode == 0, done.stderr


def private(place: Path) -> dict[str, bytes]:
    """The private keys by which services would sign."""
    return {name: (place / name / "keys" / f"{name}.key").read_bytes() for name in PORTS}


def test_keys_come_back_to_all_volumes_and_private_ones_lie_nowhere_else_that_a_service_sees(place: Path) -> None:
    later = private(place)

    assert_well(operate(place, "restore", str(place / "kept.tgz"), "--replace"))

    assert not set(private(place).values()) & set(later.values())
    for name in PORTS:
        assert [path.name for path in (place / name).rglob("*.key")] == [f"{name}.key"]
    assert [path.name for path in (place / "gateway-home").rglob("*")] == ["credentials.json"]
    assert (place / "gateway-home" / "credentials.json").read_bytes() == FIRST
    (aside,) = (place / "home").glob("replaced-*")
    assert {path.read_bytes() for path in aside.rglob("*.key")} >= set(later.values())
    assert (aside / "credentials.json").read_bytes() == LATER
    assert asyncio.run(refused()) == []


def test_a_restore_that_is_killed_before_all_keys_are_back_keeps_every_service_from_starting(place: Path) -> None:
    later = private(place)
    slow = place / "inference" / "keys" / "gateway.pub"
    slow.unlink()
    os.mkfifo(slow)  # whoever compares it with the restored one waits

    with started(place, "restore", str(place / "kept.tgz"), "--replace") as restoring, reading(restoring, slow):
        during = asyncio.run(refused())
        restoring.kill()
        restoring.communicate(timeout=60)
    slow.unlink()
    after = asyncio.run(refused())
    left = [path for path in (place / "gateway-home").rglob("*") if path.name != "credentials.json"]
    assert_well(operate(place, "restore", str(place / "kept.tgz"), "--replace"))

    assert during == after == list(SERVICES)
    assert left == []
    assert asyncio.run(refused()) == []
    assert not set(private(place).values()) & set(later.values())


def test_a_restore_that_cannot_bring_keys_back_says_that_it_is_half_done(place: Path) -> None:
    folder = place / "registry" / "keys"
    folder.rename(place / "registry" / "away")
    folder.write_text("no folder")

    done = operate(place, "restore", str(place / "kept.tgz"), "--replace")

    assert done.returncode == 1
    assert "The restore is half done, and nothing starts there" in done.stderr
    assert asyncio.run(refused()) == list(SERVICES)
