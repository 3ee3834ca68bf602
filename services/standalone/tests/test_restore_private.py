"""What a restore puts in place is private from its first byte, also where it goes to another disk."""

import asyncio
import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from stat import S_IMODE

import pytest
from skyulf_service.signing.keys import load_or_create
from skyulf_standalone.backup.restoring import restore
from skyulf_standalone.backup.watching import Nobody
from skyulf_standalone.services import SERVICES

Looks = set[tuple[str, int]]
SECRET = b"PRIVATE KEY"


@pytest.fixture
def looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Looks:
    """Every folder is a disk of its own; the modes of private keys, by folder, as often as something is synced."""
    seen: Looks = set()

    def other_disk(source: str | Path, target: str | Path) -> None:
        if Path(source).parent != Path(target).parent:
            raise OSError(errno.EXDEV, "Invalid cross-device link", str(source))
        Path(source).replace(target)

    def looking(function: Callable[..., None]) -> Callable[..., None]:
        def looked(*values: object, **options: object) -> None:
            for path in (each for each in tmp_path.rglob("*") if each.is_file()):
                if SECRET in path.read_bytes():
                    seen.add((path.parent.name, S_IMODE(path.stat().st_mode)))
            function(*values, **options)

        return looked

    monkeypatch.setattr(os, "rename", other_disk)
    monkeypatch.setattr(os, "fsync", looking(os.fsync))
    monkeypatch.setattr(shutil, "copystat", looking(shutil.copystat))
    return seen


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place whose folder of keys everybody may look into."""
    monkeypatch.setenv("SKYULF_HOME", str(tmp_path / "target"))
    monkeypatch.setenv("SKYULF_KEYS_DIR", str(tmp_path / "mounted"))
    (tmp_path / "mounted").mkdir()
    (tmp_path / "mounted").chmod(0o755)
    return tmp_path / "mounted"


def modes(folder: Path) -> set[int]:
    return {S_IMODE(path.stat().st_mode) for path in folder.glob("*.key")}


def test_private_keys_are_never_open_to_others_while_they_are_put_on_another_disk(
    backup: Path, target: Path, looks: Looks
) -> None:
    asyncio.run(restore(backup, Nobody()))
    (target / "gateway.key").write_bytes((target / "registry.key").read_bytes())
    done = asyncio.run(restore(backup, Nobody(), replace=True))

    assert {folder for folder, _ in looks} == {"keys", "mounted"}, "unpacked and put aside, and in their place"
    assert {mode for _, mode in looks} == {0o600}
    assert done.aside is not None
    assert modes(done.aside / "keys") == {0o600}
    assert len(list(target.glob("*.key"))) == len(SERVICES)
    assert not [path.name for path in target.iterdir() if path.name.startswith(".")]


def test_a_repeat_closes_what_is_the_same_and_open_to_others(backup: Path, target: Path, tmp_path: Path) -> None:
    asyncio.run(restore(backup, Nobody()))
    (target / "gateway.key").chmod(0o644)
    (tmp_path / "target" / "credentials.json").chmod(0o640)
    (target / "gateway.pub").chmod(0o444)

    asyncio.run(restore(backup, Nobody(), replace=True))

    assert modes(target) == {0o600}
    assert S_IMODE((tmp_path / "target" / "credentials.json").stat().st_mode) == 0o600
    assert S_IMODE((target / "gateway.pub").stat().st_mode) == 0o444
    assert load_or_create(target, "gateway").name == "gateway"
