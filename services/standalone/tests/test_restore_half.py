"""A restore that breaks off: before anything is changed, or so that nothing starts there until it was repeated."""

import asyncio
import shutil
from pathlib import Path

import pytest
from skyulf_registry.main import main as registry
from skyulf_service.half_restored import HalfRestoredError
from skyulf_service.settings import SharedSettings
from skyulf_service.testing.ports import free_port
from skyulf_standalone.backup.errors import BackupError
from skyulf_standalone.backup.making import back_up
from skyulf_standalone.backup.restoring import restore
from skyulf_standalone.backup.watching import Nobody
from skyulf_standalone.main import Embedded
from skyulf_standalone.retention import examine


@pytest.fixture
def half(backup: Path, home: Path, tmp_path: Path) -> Path:
    """A place where keys were replaced, and databases could not be: a file lies where their folder should be."""
    shutil.rmtree(home / "db")
    (home / "db").write_text("")
    (home / "keys" / "gateway.key").unlink()
    (home / "keys" / "gateway.pub").unlink()
    with pytest.raises(BackupError, match=r"half done, and nothing starts there: .* --replace"):
        asyncio.run(restore(backup, Nobody(), replace=True))
    (home / "db").unlink()
    return home


async def remove_old() -> None:
    async for _ in examine(apply=True):
        pass


def refuses(home: Path, capsys: pytest.CaptureFixture[str]) -> bool:
    """Nothing starts there, and nothing is made."""
    before = sorted(home.rglob("*"))
    for role in ("api", "worker", "migrate"):
        assert registry([role]) == 1
        assert "broken off" in capsys.readouterr().out
    shared = SharedSettings(form="embedded")
    for running in (
        Embedded(shared).run(port=free_port()),
        back_up(home.parent / "another.tgz", Nobody()),
        remove_old(),
    ):
        with pytest.raises(HalfRestoredError, match="skyulf restore FILE --replace"):
            asyncio.run(running)
    return sorted(home.rglob("*")) == before


def test_nothing_starts_in_a_half_restored_place(half: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert refuses(half, capsys)


def test_a_repeat_that_fails_leaves_the_place_refused(
    half: Path, backup: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut = tmp_path / "cut.tgz"
    cut.write_bytes(backup.read_bytes()[:1000])
    with pytest.raises(BackupError):
        asyncio.run(restore(cut, Nobody(), replace=True))
    shutil.rmtree(half / "objects", ignore_errors=True)
    (half / "keys" / "gateway.key").unlink()
    (half / "keys" / "gateway.key").mkdir()
    with pytest.raises(BackupError):
        asyncio.run(restore(backup, Nobody(), replace=True))

    assert refuses(half, capsys)


def test_a_repeat_makes_it_whole(half: Path, backup: Path) -> None:
    asyncio.run(restore(backup, Nobody(), replace=True))

    assert not (half / ".restoring").exists()
    asyncio.run(back_up(half.parent / "another.tgz", Nobody()))


def test_a_restore_that_fails_before_it_changes_anything_says_so(
    backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "keys").write_text("a file where the folder should be")
    monkeypatch.setenv("SKYULF_HOME", str(target))

    with pytest.raises(BackupError, match=r"keys/.* cannot be written; nothing was restored"):
        asyncio.run(restore(backup, Nobody()))

    assert sorted(path.name for path in target.iterdir() if path.name != "objects") == [".lock", "keys"]
