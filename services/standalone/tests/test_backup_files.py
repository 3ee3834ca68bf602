"""Which files of the data folder a backup holds, and what it says of the others."""

import asyncio
import json
from pathlib import Path

import pytest
from skyulf_standalone.backup.errors import BackupError
from skyulf_standalone.backup.making import back_up, left_out
from skyulf_standalone.backup.manifest import is_member
from skyulf_standalone.backup.restoring import restore
from skyulf_standalone.backup.watching import Nobody

NAMES = ("état.csv", "-dash.bin", " led by a space", "日本/語.txt", "(1).csv", "back\\slash", "..twice", "~", "ﬁ" * 80)


def test_files_of_any_ordinary_name_are_kept(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        (home / "files" / name).parent.mkdir(parents=True, exist_ok=True)
        (home / "files" / name).write_text(name)

    asyncio.run(back_up(tmp_path / "b.tgz", Nobody()))
    monkeypatch.setenv("SKYULF_HOME", str(tmp_path / "target"))
    asyncio.run(restore(tmp_path / "b.tgz", Nobody()))

    assert {name: (tmp_path / "target" / "files" / name).read_text() for name in NAMES} == {n: n for n in NAMES}


@pytest.mark.parametrize("name", ["line\nbreak", "\x1b[2J", "not\udce9utf8", "é" * 128])
def test_a_name_that_no_backup_holds_is_said(home: Path, tmp_path: Path, name: str) -> None:
    assert not is_member(f"home/files/{name}")
    assert not is_member("home/files//etc/passwd")
    assert not is_member("home/files/../../x")
    if "é" in name:
        return  # no file system takes it
    (home / "files").mkdir()
    (home / "files" / name).write_text("")

    with pytest.raises(BackupError, match="rename it"):
        asyncio.run(back_up(tmp_path / "b.tgz", Nobody()))
    assert not (tmp_path / "b.tgz").exists()


def test_what_is_left_out_is_said(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (home / "files").mkdir()
    (home / "files" / "kept.csv").write_text("a")
    nothing = left_out()
    (home / "files" / "linked").symlink_to(elsewhere)
    (home / "files" / "broken").symlink_to("nowhere")
    monkeypatch.setenv("SKYULF_PIPELINE_NODE_FILES", str(elsewhere))

    manifest = asyncio.run(back_up(tmp_path / "b.tgz", Nobody()))
    said = left_out()

    assert nothing == []
    assert len(said) == 3
    assert f"{home}/files/broken is no plain file" in said
    assert f"{home}/files/linked is no plain file" in said
    assert f"{elsewhere} is named by SKYULF_PIPELINE_NODE_FILES" in said[2]
    assert "linked" not in json.dumps([entry.name for entry in manifest.files])
