"""A power cut after a restore: what was put in place is on disk before the mark of a half-restored place goes."""

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from harness.promises import Figures
from skyulf_pipeline.main import BUCKET
from skyulf_pipeline.persistence.tables import jobs
from skyulf_service.half_restored import PLACING, RESTORING, HalfRestoredError, refuse_half_restored
from skyulf_service.ids import new_id, utc_now
from skyulf_service.objects.blobs import Blobs
from skyulf_standalone.backup.making import back_up
from skyulf_standalone.backup.restoring import restore
from skyulf_standalone.backup.watching import Nobody
from skyulf_standalone.services import SERVICES, service_of

OWN = {".lock", RESTORING}


@dataclass
class Disk:
    """What a power cut leaves below a folder: bytes and names as they were when somebody last had them synced."""

    root: Path
    names: dict[int, dict[str, int]] = field(default_factory=dict)
    data: dict[int, bytes] = field(default_factory=dict)
    syncs: int = 0

    def settle_all(self) -> None:
        """Everything that is there now has lain there for long."""
        for path in (self.root, *self.root.rglob("*")):
            self._take(path)

    def hear(self, fsync: Callable[[int], None]) -> Callable[[int], None]:
        """The same fsync, and what is on disk then is known."""

        def heard(descriptor: int) -> None:
            fsync(descriptor)
            self.syncs += 1
            self._take(Path(os.readlink(f"/proc/self/fd/{descriptor}")))

        return heard

    def left(self, below: Path) -> dict[str, bytes]:
        """The files that are left below a folder; one whose bytes were never synced is empty."""
        number = self.root.stat().st_ino
        for part in below.relative_to(self.root).parts:
            number = self.names.get(number, {}).get(part, 0)
        found, folders = dict[str, bytes](), [("", number)]
        while folders:
            above, number = folders.pop()
            for name, inner in self.names.get(number, {}).items():
                if inner in self.names:
                    folders.append((f"{above}{name}/", inner))
                elif not (below / above / name).is_dir():
                    found[f"{above}{name}"] = self.data.get(inner, b"")
        return found

    def _take(self, path: Path) -> None:
        number = path.stat().st_ino
        if path.is_dir():
            self.names[number] = {each.name: each.inode() for each in os.scandir(path)}
        else:
            self.data[number] = path.read_bytes()


def there(home: Path) -> dict[str, bytes]:
    return without_own({str(each.relative_to(home)): each.read_bytes() for each in home.rglob("*") if each.is_file()})


def without_own(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: data for name, data in files.items() if name.split("/")[0] not in OWN}


def new(home: Path) -> Path:
    """A folder that is not there yet."""
    (home.parent / "some").mkdir()
    return home.parent / "some" / "place"


def prepared(home: Path) -> Path:
    """Folders that somebody has made, and no files."""
    for name in ("keys", "objects", "db"):
        (home.parent / "prepared" / name).mkdir(parents=True)
    return home.parent / "prepared"


def used(home: Path) -> Path:
    """Another key than the backup's, one that it has not, and no objects."""
    (home / "keys" / "gateway.key").write_bytes((home / "keys" / "registry.key").read_bytes())
    shutil.copy2(home / "keys" / "registry.pub", home / "keys" / "registry.0000.pub")
    shutil.rmtree(home / "objects")
    return home


PLACES: Mapping[str, Callable[[Path], Path]] = {"new": new, "prepared": prepared, "used": used}


@pytest.fixture
def filled(home: Path) -> Path:
    """A backup with an object in it; the place that it was made of is left."""
    (home / "credentials.json").write_text("{}")
    asyncio.run(import_that_waits())
    asyncio.run(back_up(home.parent / "filled.tgz", Nobody()))
    return home.parent / "filled.tgz"


async def import_that_waits() -> None:
    parts = service_of("pipeline").open()
    ref, now = await Blobs(parts.objects(BUCKET)).put_bytes(b"a model from elsewhere"), utc_now()
    row = {
        "id": new_id(), "project_id": new_id(), "kind": "import", "pipeline_id": new_id(), "pipeline_version": 1,
        "pipeline_name": "p", "dataset_id": new_id(), "dataset_version": 1, "dataset_name": "d", "register_as": "m",
        "author": "a", "run_after": now, "queued_at": now, "version": 1, "created_at": now, "updated_at": now,
        "received": {"key": ref.key, "sha256": ref.sha256, "size": ref.size},
    }  # fmt: skip
    async with parts.database.begin() as connection:
        await connection.execute(jobs.insert().values(row))
    await parts.close()


@pytest.mark.parametrize("place", ["new", "prepared", "used"])
def test_a_power_cut_after_the_mark_has_gone_leaves_everything_that_was_restored(
    filled: Path, home: Path, monkeypatch: pytest.MonkeyPatch, figures: Figures, place: str
) -> None:
    target = PLACES[place](home)
    monkeypatch.setenv("SKYULF_HOME", str(target))
    disk = Disk(home.parent)
    disk.settle_all()
    seen = list[dict[str, bytes]]()
    unlink, rename = os.unlink, os.rename

    def hear_unlink(path: str | Path, *, dir_fd: int | None = None) -> None:
        if Path(path).name == PLACING:
            seen.append(disk.left(target))
            assert without_own(seen[0]) == there(target), "all of it is on disk before the mark goes"
        unlink(path, dir_fd=dir_fd)

    def hear_rename(source: str | Path, to: str | Path) -> None:
        if Path(source).is_relative_to(target / RESTORING):
            assert f"{RESTORING}/{PLACING}" in disk.left(target), "the mark is on disk before anything is in its place"
        rename(source, to)

    monkeypatch.setattr(os, "fsync", disk.hear(os.fsync))
    monkeypatch.setattr(os, "unlink", hear_unlink)
    monkeypatch.setattr(os, "rename", hear_rename)

    done = asyncio.run(restore(filled, Nobody(), replace=place == "used"))

    monkeypatch.undo()
    assert len(seen) == 1
    assert f"{RESTORING}/{PLACING}" in seen[0]
    left = disk.left(target)
    assert f"{RESTORING}/{PLACING}" not in left, "what is said to be done is not refused after a cut"
    assert (done.aside is not None) == (place == "used")
    assert any(name.startswith("objects/") for name in left)
    usable(left, home.parent / "after the cut")
    figures(f"restored: {len(there(target))} files on disk before the mark goes, {disk.syncs} syncs")


def usable(left: dict[str, bytes], place: Path) -> None:
    """Write what is left, and look at it as a service does."""
    for name, data in left.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(data)
    refuse_half_restored(place)
    for name in SERVICES:
        with closing(sqlite3.connect(place / "db" / f"{name}.sqlite3")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert len([*(place / "keys").glob("*.key")]) == len(SERVICES)


def test_a_power_cut_while_files_are_put_in_place_leaves_a_place_that_is_refused(
    filled: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(home.parent)
    disk.settle_all()
    used(home)
    monkeypatch.setattr(os, "fsync", disk.hear(os.fsync))
    (home / "keys" / "gateway.key").unlink()
    (home / "keys" / "gateway.key").mkdir()  # where the restore stops

    with pytest.raises(Exception, match="half done"):
        asyncio.run(restore(filled, Nobody(), replace=True))

    cut = home.parent / "cut"
    for name in disk.left(home):
        (cut / name).parent.mkdir(parents=True, exist_ok=True)
        (cut / name).touch()
    with pytest.raises(HalfRestoredError):
        refuse_half_restored(cut)
