import multiprocessing
import os
import stat
from pathlib import Path

import pytest
from skyulf_service.signing.keys import KeyFileError, PublicKeys, load_or_create, load_public, publish


def _create(folder: str) -> str:
    return load_or_create(Path(folder), "pipeline").kid


def test_load_or_create_returns_the_same_key_at_the_second_call(tmp_path: Path) -> None:
    first = load_or_create(tmp_path / "keys", "pipeline")
    second = load_or_create(tmp_path / "keys", "pipeline")

    assert first.kid == second.kid
    assert second.public.verifies(first.sign(b"data"), b"data")
    assert not second.public.verifies(first.sign(b"data"), b"other")


def test_private_key_files_are_for_their_owner_only(tmp_path: Path) -> None:
    load_or_create(tmp_path, "pipeline")

    assert stat.S_IMODE((tmp_path / "pipeline.key").stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pipeline.key", "pipeline.pub"]


def test_processes_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        kids = pool.map(_create, [str(tmp_path)] * 12)

    assert len(set(kids)) == 1
    assert [key.kid for key in load_public(tmp_path)] == [kids[0]]


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    load_or_create(tmp_path, "pipeline")
    (tmp_path / "pipeline.key").chmod(0o644)

    with pytest.raises(KeyFileError, match="chmod 600"):
        load_or_create(tmp_path, "pipeline")


@pytest.mark.parametrize(
    ("mode", "is_accepted"),
    [(0o440, True), (0o640, True), (0o600, True), (0o460, False), (0o444, False), (0o404, False)],
)
def test_a_key_that_an_orchestrator_mounts_is_for_the_group_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, is_accepted: bool
) -> None:
    made = load_or_create(tmp_path, "pipeline")
    (tmp_path / "pipeline.key").chmod(mode)
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)  # the file is somebody else's, as where root mounts it

    if is_accepted:
        assert load_or_create(tmp_path, "pipeline").kid == made.kid
    else:
        with pytest.raises(KeyFileError, match="read by others"):
            load_or_create(tmp_path, "pipeline")


def test_ones_own_key_is_not_for_the_group(tmp_path: Path) -> None:
    load_or_create(tmp_path, "pipeline")
    (tmp_path / "pipeline.key").chmod(0o640)

    with pytest.raises(KeyFileError, match="chmod 600"):
        load_or_create(tmp_path, "pipeline")


def test_a_damaged_key_is_refused_by_name(tmp_path: Path) -> None:
    load_or_create(tmp_path, "pipeline")
    (tmp_path / "pipeline.key").write_text("nonsense")
    (tmp_path / "pipeline.pub").write_text("nonsense")

    with pytest.raises(KeyFileError, match=r"pipeline\.key holds no key"):
        load_or_create(tmp_path, "pipeline")
    with pytest.raises(KeyFileError, match=r"pipeline\.pub holds no key"):
        load_public(tmp_path)


def test_public_keys_are_loaded_for_the_named_owners_only(tmp_path: Path) -> None:
    pipeline = load_or_create(tmp_path, "pipeline")
    registry = load_or_create(tmp_path, "registry")

    trusted = PublicKeys.load(tmp_path, ["pipeline"])

    assert trusted.get(pipeline.kid) is not None
    assert trusted.get(registry.kid) is None
    with pytest.raises(KeyFileError, match="has ingestion been started once"):
        PublicKeys.load(tmp_path, ["ingestion"])


def test_a_key_does_not_show_in_its_representation(tmp_path: Path) -> None:
    key = load_or_create(tmp_path, "pipeline")

    assert "PrivateKey" not in repr(key)


@pytest.mark.parametrize("name", ["../pipeline", "", "Pipeline", "a/b"])
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="no name for a key"):
        load_or_create(tmp_path, name)


def test_keys_that_appear_later_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skyulf_service.signing.keys.LOOK_AGAIN", 0.0)
    load_or_create(tmp_path, "pipeline")
    trusted = load_public(tmp_path)

    later = load_or_create(tmp_path, "registry")

    assert trusted.get(later.kid) is not None
    assert trusted.get("0" * 16) is None


def test_the_folder_is_not_read_for_every_unknown_key(tmp_path: Path) -> None:
    os.utime(tmp_path, (1, 1))
    trusted = load_public(tmp_path)

    later = load_or_create(tmp_path, "registry")
    os.utime(tmp_path, (1, 1))  # it looks as if nothing had come

    assert trusted.get(later.kid) is None


def test_a_key_that_comes_is_known_at_once(tmp_path: Path) -> None:
    os.utime(tmp_path, (1, 1))
    trusted = load_public(tmp_path)

    for name in ("registry", "pipeline"):
        assert trusted.get(load_or_create(tmp_path, name).kid) is not None


@pytest.mark.parametrize("replace", [True, False])
def test_a_published_file_is_on_disk_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replace: bool
) -> None:
    synced, fsync = list[tuple[str, list[str]]](), os.fsync

    def hear(descriptor: int) -> None:
        fsync(descriptor)
        synced.append((os.readlink(f"/proc/self/fd/{descriptor}"), [path.name for path in tmp_path.iterdir()]))

    monkeypatch.setattr(os, "fsync", hear)

    publish(tmp_path / "a.key", b"bytes", mode=0o600, replace=replace)

    assert Path(synced[0][0]).parent == tmp_path, "first the bytes"
    assert synced[-1] == (str(tmp_path), ["a.key"]), "then its name, and that there is no other"
