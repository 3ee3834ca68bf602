import subprocess
import sys
from pathlib import Path

import pytest
from skyulf_service.ports import PORTS
from skyulf_service.signing.folders import make_folders
from skyulf_service.signing.keys import KeyFileError, load_or_create, load_public

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


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
