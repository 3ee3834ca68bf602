"""A backup that somebody has made up is refused in words before anything is touched."""

import gzip
import io
import json
import os
import sqlite3
import tarfile
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import pytest
from skyulf_standalone.backup.errors import BackupError, DamagedArchiveError
from skyulf_standalone.backup.restoring import restore
from skyulf_standalone.backup.watching import Nobody

T = TypeVar("T")
Files = dict[str, bytes]
Databases = list[dict[str, str]]
LONG_AGO = "2026-01-01 00:00:00.000000"


def unchanged(it: T) -> T:
    return it


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty place."""
    monkeypatch.setenv("SKYULF_HOME", str(tmp_path / "target"))
    return tmp_path / "target"


def forged(
    path: Path,
    files: Callable[[Files], Files] = unchanged,
    databases: Callable[[Databases], Databases] = unchanged,
) -> Path:
    """Another backup, with digests that are right."""
    with tarfile.open(path) as tar:
        found = {each.name: tar.extractfile(each).read() for each in tar.getmembers()}  # type: ignore[union-attr]
    manifest = json.loads(found.pop("manifest.json"))
    found = files(found)
    manifest["files"] = [
        {"name": name, "size": len(data), "sha256": sha256(data).hexdigest()} for name, data in found.items()
    ]
    manifest["databases"] = databases(manifest["databases"])
    other = Path(os.environ["SKYULF_HOME"]).with_name("forged.tgz")
    with gzip.open(other, "wb") as packed, tarfile.open(fileobj=packed, mode="w|") as tar:
        for name, data in {**found, "manifest.json": json.dumps(manifest).encode()}.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return other


def nothing_in(target: Path) -> bool:
    return [path.name for path in target.iterdir()] == [".lock"]


def pointing(file: str) -> Callable[[Databases], Databases]:
    return lambda databases: [{**databases[0], "file": file}, *databases[1:]]


def remembering(files: Files) -> Files:
    """With a claim, a letter that was taken off the list and one that waits, all of long ago."""
    letter = (
        'INSERT INTO dead_letters (id, consumer, fingerprint, topic, partition, "offset", value, headers, reason,'
        " error, attempts, parked_at, replayed_at) VALUES (?, 'c', ?, 't', 0, 0, x'00', '[]', 'bad-json', 'e', 1, ?, ?)"
    )
    changed = Path(os.environ["SKYULF_HOME"]).with_name("changed.sqlite3")
    changed.write_bytes(files["databases/pipeline.sqlite3"])
    with closing(sqlite3.connect(changed)) as connection:
        connection.execute("INSERT INTO inbox VALUES ('c', 'e', ?)", (LONG_AGO,))
        connection.execute(letter, ("settled", "1", LONG_AGO, LONG_AGO))
        connection.execute(letter, ("waiting", "2", LONG_AGO, None))
        connection.commit()
        connection.execute("PRAGMA journal_mode=DELETE")  # one file, not three
    return {**files, "databases/pipeline.sqlite3": changed.read_bytes()}


def adding(name: str) -> Callable[[Files], Files]:
    return lambda files: {**files, name: b"1"}


async def test_a_true_backup_is_restored(backup: Path, target: Path) -> None:
    done = await restore(forged(backup), Nobody())

    assert done.aside is None
    assert len(done.manifest.databases) == 5
    assert (target / "credentials.json").read_text() == "{}"


async def test_claims_and_settled_letters_of_an_old_backup_live_as_long_again(backup: Path, target: Path) -> None:
    await restore(forged(backup, remembering), Nobody())

    with closing(sqlite3.connect(target / "db" / "pipeline.sqlite3")) as connection:
        kept = "SELECT {0} > datetime('now', '-1 hour') FROM {1} ORDER BY rowid"
        assert connection.execute(kept.format("handled_at", "inbox")).fetchall() == [(1,)]
        assert connection.execute(kept.format("replayed_at", "dead_letters")).fetchall() == [(1,), (None,)]


@pytest.mark.parametrize("absolute", [True, False])
async def test_a_database_outside_of_the_archive_stays_where_it_is(
    backup: Path, target: Path, tmp_path: Path, absolute: bool
) -> None:
    victim = tmp_path / "victim.sqlite3"
    with closing(sqlite3.connect(victim)) as connection:
        for table in ("inbox (handled_at)", "leases (name)"):
            connection.execute(f"CREATE TABLE {table}")
        connection.commit()
    before = victim.read_bytes()

    with pytest.raises(DamagedArchiveError, match="is no file of it"):
        await restore(forged(backup, databases=pointing(str(victim) if absolute else "../../victim.sqlite3")), Nobody())

    assert victim.read_bytes() == before
    assert nothing_in(target)


@pytest.mark.parametrize(
    ("databases", "said"),
    [
        (pointing("databases/nothing.sqlite3"), "is no file of it"),
        (pointing("keys/gateway.key"), "is no file of it"),
        (pointing("databases/gateway.sqlite3"), "two services share a database"),
        (lambda found: [*found, found[0]], "two services share a database"),
        (lambda found: [], "does not hold the databases"),
    ],
    ids=["missing", "a key", "another's", "twice", "none"],
)
async def test_databases_that_are_not_in_it_are_refused(
    backup: Path, target: Path, databases: Callable[[Databases], Databases], said: str
) -> None:
    with pytest.raises(BackupError, match=said):
        await restore(forged(backup, databases=databases), Nobody())

    assert nothing_in(target)


@pytest.mark.parametrize(
    "name",
    [
        "objects/lonely",
        "objects/not_a_BUCKET/x",
        "objects/skyulf-pipeline/.unfinished/x",
        "objects/elsewhere/x",
        "databases/gateway.sqlite3/x",
        "databases/more.txt",
        "keys/sub/dir/pipeline.key",
        "keys/authorized_keys",
        "home/db",
        "home/db/gateway.sqlite3",
        "home/keys/gateway.key",
        "home/.lock",
        "home/.restoring/placing",
        "home/files",
        "home/files/../../x",
        "home/credentials.json/x",
    ],
)
async def test_files_that_belong_to_no_backup_are_refused(backup: Path, target: Path, name: str) -> None:
    with pytest.raises(BackupError, match=r"does not belong there|lies inside|no bucket"):
        await restore(forged(backup, adding(name)), Nobody())

    assert nothing_in(target)


async def test_a_file_inside_of_a_file_is_refused(backup: Path, target: Path) -> None:
    both = forged(backup, lambda files: {**files, "home/files/a": b"1", "home/files/a/b": b"1"})

    with pytest.raises(DamagedArchiveError, match="'home/files/a/b' lies inside of the file 'home/files/a'"):
        await restore(both, Nobody())

    assert nothing_in(target)
