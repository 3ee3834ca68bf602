"""The file of a project: whole and harmless, or refused with a sentence; there under its name, or not at all."""

import json
import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from skyulf_standalone.moving.archive import Writer, verified
from skyulf_standalone.moving.errors import DamagedFileError, MovingError
from skyulf_standalone.moving.records import (
    DatasetRecord,
    DeploymentRecord,
    Manifest,
    ModelRecord,
    PipelineRecord,
    ProjectRecord,
    VersionRecord,
)

ID = UUID("0198c5a0-0000-7000-8000-000000000001")
DATA, PACK = b"x,y\n1,2\n" * 100, b"a pack" * 500
SHA = "ab" * 32


def project(**changes: object) -> ProjectRecord:
    version = VersionRecord(
        number=1,
        stage="none",
        pipeline_id=ID,
        pipeline_version=1,
        dataset_id=ID,
        dataset_version=1,
        files={"plan.json": SHA},
        pack="models/m/1.tar",
    )
    said: dict[str, object] = {
        "slug": "p",
        "datasets": [DatasetRecord(id=ID, name="d", format="csv", sha256=SHA, file=f"datasets/{ID}")],
        "pipelines": [PipelineRecord(id=ID, name="p", register_as="m", configs=[{"steps": []}])],
        "models": [ModelRecord(name="m", aliases={"champion": 1}, versions=[version])],
        "deployments": [DeploymentRecord(name="s", model="m", version=1)],
    }
    return ProjectRecord.model_construct(**{**said, **changes})


def written(path: Path, said: ProjectRecord | None = None) -> Path:
    data, pack = path.with_name("data"), path.with_name("pack")
    data.write_bytes(DATA)
    pack.write_bytes(PACK)
    with Writer(path) as writer:
        writer.add(f"datasets/{ID}", data)
        writer.add("models/m/1.tar", pack)
        writer.finish(said or project(), Manifest(version="1.2.3", made_at=datetime.now(UTC), project="p", files=[]))
    data.unlink()
    pack.unlink()
    return path


def rewritten(path: Path, change: Callable[[dict[str, bytes]], object], **how: int) -> Path:
    """The same file with members changed by somebody."""
    with zipfile.ZipFile(path) as old:
        members = {name: old.read(name) for name in old.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w", **how) as new:
        for name, data in members.items():
            new.writestr(name, data)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(MovingError) as caught, verified(path):
        pass
    text = str(caught.value)
    assert text.endswith("."), text
    return text


def test_a_finished_file_is_on_disk_with_its_name(tmp_path: Path, synced: list[tuple[Path, list[str]]]) -> None:
    written(tmp_path / "project.zip")

    assert len(synced) == 2
    assert synced[0][0].parent == tmp_path, "first the bytes"
    assert synced[1] == (tmp_path, ["data", "pack", "project.zip"]), "then its name, and that there is no other"


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = written(tmp_path / "p.zip")

    with verified(path) as archive:
        archive.extract(f"datasets/{ID}", tmp_path / "data")
        archive.extract("models/m/1.tar", tmp_path / "pack")

        assert (tmp_path / "data").read_bytes() == DATA
        assert (tmp_path / "pack").read_bytes() == PACK
        assert archive.project.deployments == project().deployments
        assert archive.manifest.version == "1.2.3"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_not_finished_leaves_nothing_and_one_that_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(DATA)
    with pytest.raises(MovingError, match="did not come whole"), Writer(tmp_path / "p.zip") as writer:
        writer.add(f"datasets/{ID}", tmp_path / "data", sha256=SHA)
    (tmp_path / "there.zip").write_text("somebody's")
    with pytest.raises(MovingError, match="exists already"), Writer(tmp_path / "there.zip"):
        pass

    assert sorted(each.name for each in tmp_path.iterdir()) == ["data", "there.zip"]
    assert (tmp_path / "there.zip").read_text() == "somebody's"


def test_a_full_disk_is_said_and_nothing_is_left_on_it(
    tmp_path: Path, largest_file: Callable[[int], AbstractContextManager[None]]
) -> None:
    with largest_file(len(DATA) + len(PACK)), pytest.raises(MovingError, match="cannot be written"):
        written(tmp_path / "p.zip")

    assert sorted(each.name for each in tmp_path.iterdir()) == ["data", "pack"]


def test_of_two_that_write_one_file_at_once_the_first_is_there_whole(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(DATA)
    manifest = Manifest(version="1.2.3", made_at=datetime.now(UTC), project="p", files=[])
    path, said = tmp_path / "p.zip", project(models=[], pipelines=[], deployments=[])

    with Writer(path) as first, Writer(path) as second:
        for writer in (first, second):
            writer.add(f"datasets/{ID}", tmp_path / "data")
        first.finish(said, manifest)
        with verified(path) as archive:
            assert archive.project.slug == "p"
        with pytest.raises(MovingError, match="cannot be written: File exists"):
            second.finish(said, manifest)

    assert sorted(each.name for each in tmp_path.iterdir()) == ["data", "p.zip"]


def test_every_changed_byte_is_found(tmp_path: Path) -> None:
    path = written(tmp_path / "p.zip")
    data = path.read_bytes()
    for at in (data.index(DATA) + 10, data.index(PACK) + 10, data.index(b'"champion"') + 3, data.index(b"1.2.3")):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])

        assert isinstance(_caught(path), DamagedFileError), f"the change at {at} was not found"


def _caught(path: Path) -> Exception | None:
    try:
        with verified(path):
            return None
    except MovingError as error:
        return error


def test_a_file_that_ends_anywhere_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "p.zip")
    data = path.read_bytes()
    for end in range(0, len(data) - 1, 37):
        path.write_bytes(data[:end])

        assert "no whole export of a project" in refusal(path)


def test_other_bytes_of_the_right_checksum_are_refused(tmp_path: Path) -> None:
    """A zip's own checksum says nothing: whoever changes a member writes a fitting one."""
    path = rewritten(written(tmp_path / "p.zip"), lambda members: members.update({"models/m/1.tar": b"evil" + PACK}))

    assert "models/m/1.tar is not what its manifest says" in refusal(path)


def test_what_a_newer_release_has_written_is_named(tmp_path: Path) -> None:
    def newer(members: dict[str, bytes]) -> None:
        members["manifest.json"] = json.dumps({"format": "skyulf.project/2", "version": "9.9", "new": {}}).encode()

    text = refusal(rewritten(written(tmp_path / "p.zip"), newer))

    assert "skyulf.project/2" in text
    assert "9.9" in text
    assert "newer release" in text


@pytest.mark.parametrize(
    "name",
    ["../evil", "/etc/passwd", "datasets/../../evil", "models/m/../1.tar", "models/M/1.tar", "datasets/x", "C:\\evil"],
)
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    path = rewritten(written(tmp_path / "p.zip"), lambda members: members.update({name: b"x"}))

    assert "does not belong there" in refusal(path)
    assert not (tmp_path / "evil").exists()


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    def bomb(members: dict[str, bytes]) -> None:
        members["datasets/0198c5a0-0000-7000-8000-00000000000b"] = bytes(200 << 20)

    path = rewritten(written(tmp_path / "p.zip"), bomb, compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 1 << 20

    assert "is compressed or encrypted" in refusal(path)


def test_members_that_share_their_bytes_are_refused(tmp_path: Path) -> None:
    """Many entries of the directory that point at one large member: a bomb without compression."""
    path = written(tmp_path / "p.zip")
    with zipfile.ZipFile(path, "a") as opened:
        large = opened.getinfo("models/m/1.tar")
        for number in range(2, 200):
            again = zipfile.ZipInfo(f"models/m/{number}.tar")
            again.file_size = again.compress_size = large.file_size
            again.header_offset, again.CRC = large.header_offset, large.CRC
            opened.filelist.append(again)
            opened.NameToInfo[again.filename] = again
        opened._didModify = True  # type: ignore[attr-defined]  # zipfile writes no such directory of its own accord

    assert "larger than itself" in refusal(path)


def test_a_member_twice_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "p.zip")
    with zipfile.ZipFile(path, "a") as opened, pytest.warns(UserWarning, match="Duplicate"):
        opened.writestr("project.json", b"{}")

    assert "does not belong there" in refusal(path)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    path = rewritten(written(tmp_path / "p.zip"), lambda members: members.pop("models/m/1.tar"))

    assert "models/m/1.tar is not what its manifest says" in refusal(path)
    assert "no manifest.json" in refusal(rewritten(path, lambda members: members.pop("manifest.json")))
    assert "There is no file" in refusal(tmp_path / "nowhere.zip")
    assert "cannot be read" in refusal(tmp_path)


def test_parts_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    lost_model = project(models=[])
    lost_pipeline = project(pipelines=[])
    lost_data = project(datasets=[project().datasets[0].model_copy(update={"file": "datasets/" + "0" * 36})])

    assert "serves a version that is not there" in refusal(written(tmp_path / "1.zip", lost_model))
    assert "made by a pipeline that is not there" in refusal(written(tmp_path / "2.zip", lost_pipeline))
    assert "which is not in it" in refusal(written(tmp_path / "3.zip", lost_data))


def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(MovingError, match="names no file"):
        Writer(Path(""))
