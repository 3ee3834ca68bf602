"""The file of a backup: whole and right, or refused; there under its name, or not at all."""

import io
import random
import tarfile
from pathlib import Path

import pytest
from skyulf_service.ids import utc_now
from skyulf_standalone.backup.archive import ArchiveWriter, files, verified
from skyulf_standalone.backup.errors import BackupError, DamagedArchiveError
from skyulf_standalone.backup.manifest import Manifest

CONTENT = {
    "databases/registry.sqlite3": random.Random(7).randbytes(20_000),
    "keys/pipeline.key": b"secret",
    "objects/b/blobs/a": b"",
}


def written(path: Path, listed: dict[str, bytes] | None = None) -> Path:
    """A backup of `CONTENT`; the manifest may list something else."""
    with ArchiveWriter(path) as archive:
        for name, data in CONTENT.items():
            archive.add(name, io.BytesIO(data), len(data))
        entries = {entry.name: entry for entry in archive.entries}
        if listed is not None:
            with ArchiveWriter(path.with_name("other")) as other:
                for name, data in listed.items():
                    other.add(name, io.BytesIO(data), len(data))
                entries = {entry.name: entry for entry in other.entries}
        archive.finish(
            Manifest(version="1", form="embedded", moment=utc_now(), databases=[], files=list(entries.values()))
        )
    return path


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = written(tmp_path / "backup.tgz")

    manifest = verified(path)

    assert {entry.name: entry.size for entry in manifest.files} == {n: len(d) for n, d in CONTENT.items()}
    assert {name: file.read() for name, _, file in files(path)} == CONTENT
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["backup.tgz"]


def test_a_finished_archive_is_on_disk_with_its_name(tmp_path: Path, synced: list[tuple[Path, list[str]]]) -> None:
    written(tmp_path / "backup.tgz")

    assert len(synced) == 2
    assert synced[0][0].parent == tmp_path, "first the bytes"
    assert synced[1] == (tmp_path, ["backup.tgz"]), "then its name, and that there is no other"


def test_an_archive_that_is_not_finished_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="not be read whole"), ArchiveWriter(tmp_path / "backup.tgz") as archive:
        archive.add("keys/pipeline.key", io.BytesIO(b"secr"), 6)

    assert list(tmp_path.iterdir()) == []


def test_a_file_of_that_name_that_appears_meanwhile_stays(tmp_path: Path) -> None:
    path = tmp_path / "backup.tgz"
    manifest = Manifest(version="1", form="embedded", moment=utc_now(), databases=[], files=[])
    with ArchiveWriter(path) as archive:
        path.write_text("somebody else's")
        with pytest.raises(BackupError, match="File exists"):
            archive.finish(manifest)

    assert path.read_text() == "somebody else's"


@pytest.mark.parametrize("part", [0.0, 0.2, 0.5, 0.9, 0.999])
def test_a_cut_backup_is_refused(tmp_path: Path, part: float) -> None:
    path = written(tmp_path / "backup.tgz")
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])

    with pytest.raises(DamagedArchiveError, match="no whole backup"):
        verified(path)


def test_a_flipped_bit_is_refused_or_means_nothing(tmp_path: Path) -> None:
    path = written(tmp_path / "backup.tgz")
    data, whole, refused = path.read_bytes(), verified(path), 0

    for place in range(0, len(data), 17):
        path.write_bytes(data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :])
        try:
            assert verified(path) == whole  # the header's time, another way to write the same zeros
        except DamagedArchiveError:
            refused += 1

    assert refused > len(data) / 17 * 0.9


@pytest.mark.parametrize(
    "listed",
    [
        {**CONTENT, "keys/pipeline.key": b"changed"},
        {name: data for name, data in CONTENT.items() if name != "keys/pipeline.key"},
        {**CONTENT, "keys/gateway.key": b"missing"},
    ],
    ids=["changed", "unlisted", "missing"],
)
def test_files_that_the_manifest_does_not_name_are_refused(tmp_path: Path, listed: dict[str, bytes]) -> None:
    with pytest.raises(DamagedArchiveError, match=r"is damaged: keys/"):
        verified(written(tmp_path / "backup.tgz", listed))


@pytest.mark.parametrize("name", ["../keys/x", "/etc/passwd", "home/../../x", "other/file", "keys//x"])
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "backup.tgz"
    with tarfile.open(path, "w:gz") as tar:
        tar.addfile(tarfile.TarInfo(name), io.BytesIO())

    with pytest.raises(DamagedArchiveError, match="does not belong there"):
        verified(path)


def test_a_file_of_another_kind_is_no_backup(tmp_path: Path) -> None:
    path = tmp_path / "backup.tgz"
    path.write_text("not a backup\n" * 100)

    with pytest.raises(DamagedArchiveError, match="no whole backup of Skyulf"):
        verified(path)
    with pytest.raises(BackupError, match="There is no file"):
        verified(tmp_path / "nothing.tgz")


def test_damaged_bytes_are_not_backed_up(tmp_path: Path) -> None:
    with (
        pytest.raises(BackupError, match="are damaged"),
        ArchiveWriter(tmp_path / "backup.tgz") as archive,
    ):
        archive.add("objects/b/blobs/a", io.BytesIO(b"changed"), 7, sha256="0" * 64)
