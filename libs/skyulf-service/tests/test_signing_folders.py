import subprocess
import sys
from pathlib import Path

import pytest
from skyulf_service.ports import PORTS
from skyulf_service.signing import folders as folders_module
from skyulf_service.signing import rotation
from skyulf_service.signing.folders import bring_back, gather, make_folders, spread
from skyulf_service.signing.keys import KeyFileError, PublicKeys, load_or_create, load_public

FILES = {f"{service}.pub" for service in PORTS}


def make(folder: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "skyulf_service.signing", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_each_service_gets_its_own_private_key_and_the_public_ones_of_all(tmp_path: Path) -> None:
    done = make(tmp_path)

    assert done.returncode == 0, done.stderr
    for service in PORTS:
        assert {path.name for path in (tmp_path / service).iterdir()} == {f"{service}.key"} | FILES
        key = load_or_create(tmp_path / service, service)
        for other in PORTS:
            trusted = load_public(tmp_path / other).get(key.kid)
            assert trusted is not None
            assert trusted.verifies(key.sign(b"x"), b"x")


def test_making_again_changes_nothing_and_completes_what_is_missing(tmp_path: Path) -> None:
    make(tmp_path)
    before = contents(tmp_path)
    (tmp_path / "registry" / "gateway.pub").unlink()

    done = make(tmp_path)

    assert done.returncode == 0, done.stderr
    assert contents(tmp_path) == before


def test_a_key_made_anew_is_given_to_everybody(tmp_path: Path) -> None:
    folders = {service: tmp_path / service for service in PORTS}
    old = make_folders(folders)["pipeline"].kid
    (tmp_path / "pipeline" / "pipeline.key").unlink()

    new = make_folders(folders)["pipeline"].kid

    assert new != old
    assert all(load_public(folder).get(new) is not None for folder in folders.values())


def test_a_damaged_key_is_named_and_not_replaced(tmp_path: Path) -> None:
    make(tmp_path)
    damaged = tmp_path / "registry" / "registry.key"
    damaged.write_text("nothing")

    done = make(tmp_path)

    assert done.returncode == 1
    assert str(damaged) in done.stderr
    assert damaged.read_text() == "nothing"
    with pytest.raises(KeyFileError):
        make_folders({"registry": tmp_path / "registry"})


def test_keys_of_all_come_together_and_go_back_where_they_belong(tmp_path: Path) -> None:
    folders = {service: tmp_path / service for service in PORTS}
    make_folders(folders)
    before, together = contents(tmp_path), tmp_path / "together"
    together.mkdir(mode=0o700)

    gather(folders, together)
    spread(together, folders)

    assert {path.name for path in together.iterdir()} == FILES | {f"{service}.key" for service in PORTS}
    assert all(path.stat().st_mode & 0o077 == 0 for path in together.glob("*.key"))
    assert {path: data for path, data in contents(tmp_path).items() if path.parent != together} == before


def test_a_key_that_signs_is_trusted_everywhere_before_it_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = {service: tmp_path / service for service in PORTS}
    make_folders(folders)
    together, trusting = tmp_path / "together", list[bool]()
    together.mkdir(mode=0o700)
    gather(folders, together)
    new = rotation.rotate(together, "pipeline").kid
    write = folders_module.publish

    def watched(path: Path, data: bytes, *, mode: int, replace: bool) -> None:
        if path.suffix == ".key":
            trusting.extend(PublicKeys.load(folder).get(new) is not None for folder in folders.values())
        write(path, data, mode=mode, replace=replace)

    monkeypatch.setattr(folders_module, "publish", watched)
    spread(together, folders)

    assert trusting == [True] * len(PORTS)
    assert load_or_create(folders["pipeline"], "pipeline").kid == new


def test_what_lost_its_trust_goes_everywhere(tmp_path: Path) -> None:
    folders = {service: tmp_path / service for service in PORTS}
    old = make_folders(folders)["gateway"].kid
    together = tmp_path / "together"
    together.mkdir(mode=0o700)
    gather(folders, together)
    rotation.rotate(together, "gateway")
    spread(together, folders)
    assert all(load_public(folder).get(old) is not None for folder in folders.values())

    rotation.distrust(together, "gateway", old)
    spread(together, folders)

    assert not any(load_public(folder).get(old) is not None for folder in folders.values())


def test_what_others_changed_meanwhile_stays_beside_what_a_command_changed(tmp_path: Path) -> None:
    folders = {service: tmp_path / service for service in PORTS}
    old = {service: key.kid for service, key in make_folders(folders).items()}
    mine, others = tmp_path / "mine", tmp_path / "others"
    for together in (mine, others):
        together.mkdir(mode=0o700)
    before = gather(folders, mine)
    theirs = gather(folders, others)
    rotation.rotate(others, "gateway")
    rotation.distrust(others, "gateway", old["gateway"])
    bring_back(others, folders, before=theirs)

    rotation.rotate(mine, "pipeline")
    bring_back(mine, folders, before=before)

    for folder in folders.values():
        assert load_public(folder).get(old["gateway"]) is None
        assert len(load_public(folder, ["pipeline"])) == 2
    assert [rotation.trusted(folders[name], name)[0].key.kid == old[name] for name in ("gateway", "pipeline")] == [
        False,
        False,
    ]


def test_what_was_broken_off_is_completed_by_the_next_command(tmp_path: Path) -> None:
    folders = {service: tmp_path / service for service in PORTS}
    make_folders(folders)
    new = rotation.rotate(folders["pipeline"], "pipeline").kid
    together = tmp_path / "together"
    together.mkdir(mode=0o700)

    bring_back(together, folders, before=gather(folders, together))

    assert all(load_public(folder).get(new) is not None for folder in folders.values())


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
