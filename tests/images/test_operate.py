"""The container of operations: what it is told and given, and the program that its commands run through."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from skyulf_service.ports import PORTS
from skyulf_service.signing import rotation
from skyulf_service.signing.folders import make_folders
from skyulf_service.signing.keys import load_public
from skyulf_service.testing.ports import wait_until

from images.compose_file import ROOT, services

OPERATE = services()["operate"]
PROGRAM = ROOT / "deploy" / "compose" / "operate.py"


@pytest.fixture
def volumes(tmp_path: Path) -> dict[str, Path]:
    """The folders of keys in the services' volumes."""
    folders = {service: tmp_path / service / "keys" for service in PORTS}
    make_folders(folders)
    return folders


def started(folder: Path, *words: str, together: str = "together") -> "subprocess.Popen[str]":
    """Start a command as the container does, with the volumes below a folder, and a folder of its own in memory."""
    code = f"import sys; sys.path[:0] = [{str(PROGRAM.parent)!r}]; import operate; from pathlib import Path\n"
    code += f"sys.exit(operate.main(sys.argv[1:], volumes=Path({str(folder)!r})))"
    variables = {"SKYULF_HOME": str(folder / "home"), "SKYULF_KEYS_DIR": str(folder / together)}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SKYULF_")} | variables
    (folder / together).mkdir(mode=0o700, exist_ok=True)
    command = [sys.executable, "-c", code, *words]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def operate(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end."""
    with started(folder, *words) as process:
        said, complained = process.communicate(timeout=60)
    return subprocess.CompletedProcess(words, process.returncode, said, complained)


def test_it_has_what_every_service_has() -> None:
    environment, mounted = OPERATE["environment"], OPERATE["volumes"]

    for service in PORTS:
        assert f"{service}-secrets:/run/skyulf/{service}" in mounted
        given = environment[f"SKYULF_{service.upper()}_DATABASE_URL_FILE"]
        assert given == f"/run/skyulf/{service}/secrets/database_url"
        for name, value in services()[f"{service}-api"]["environment"].items():
            if not name.endswith("_FILE") and name.startswith(("SKYULF_KAFKA", "SKYULF_S3", "SKYULF_PROFILE")):
                assert environment[name] == value
    assert OPERATE["profiles"] == ["operate"], "`up` starts it for nobody"
    assert "ports" not in OPERATE


def test_a_rotation_reaches_the_volumes_of_all_services(volumes: dict[str, Path], tmp_path: Path) -> None:
    old = rotation.trusted(volumes["pipeline"], "pipeline")[0].key.kid

    done = operate(tmp_path, "rotate-keys", "pipeline")

    assert done.returncode == 0, done.stderr
    new = done.stdout.split()[0]
    for service, folder in volumes.items():
        assert {each.kid for each in load_public(folder, ["pipeline"])} == {old, new}
        assert [path.name for path in folder.glob("*.key")] == [f"{service}.key"], "private keys stay where they were"
    assert rotation.trusted(volumes["pipeline"], "pipeline")[0].key.kid == new


def test_trust_ends_in_all_volumes(volumes: dict[str, Path], tmp_path: Path) -> None:
    old = rotation.trusted(volumes["gateway"], "gateway")[0].key.kid
    operate(tmp_path, "rotate-keys", "gateway")

    done = operate(tmp_path, "rotate-keys", "gateway", "--distrust", old)

    assert done.returncode == 0, done.stderr
    assert not [service for service, folder in volumes.items() if load_public(folder).get(old) is not None]


def test_a_command_that_lasts_brings_no_key_back_that_was_exchanged_meanwhile(
    volumes: dict[str, Path], tmp_path: Path
) -> None:
    stolen = rotation.trusted(volumes["gateway"], "gateway")[0].key.kid
    os.mkfifo(tmp_path / "slow.tgz")

    with started(tmp_path, "restore", str(tmp_path / "slow.tgz"), together="long") as lasting:
        with reading(lasting, tmp_path / "slow.tgz"):
            operate(tmp_path, "rotate-keys", "gateway")
            distrusted = operate(tmp_path, "rotate-keys", "gateway", "--distrust", stolen)
        said = lasting.communicate(timeout=60)

    assert distrusted.returncode == 0, distrusted.stderr
    assert lasting.returncode == 1, said
    assert not [service for service, folder in volumes.items() if load_public(folder).get(stolen) is not None]
    assert rotation.trusted(volumes["gateway"], "gateway")[0].key.kid != stolen


@contextmanager
def reading(process: "subprocess.Popen[str]", pipe: Path) -> Iterator[None]:
    """While the process reads from a pipe, which ends with the block."""
    opened: list[int] = []

    def open_by_it() -> bool:
        try:
            opened.append(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
        except OSError:  # nobody reads yet
            return False
        return True

    wait_until(open_by_it, what="somebody reads", timeout=60, alive=lambda: process.poll() is None)
    try:
        yield
    finally:
        os.close(opened[0])


def test_a_command_that_fails_says_so_and_leaves_the_keys(volumes: dict[str, Path], tmp_path: Path) -> None:
    before = {path: path.read_bytes() for folder in volumes.values() for path in folder.iterdir()}

    done = operate(tmp_path, "rotate-keys", "pipeline", "--distrust", "0123456789abcdef")

    assert done.returncode == 1
    assert {path: path.read_bytes() for folder in volumes.values() for path in folder.iterdir()} == before


def test_commands_that_speak_to_the_gateway_have_the_first_key(volumes: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "credentials.json").write_text(json.dumps({"url": "http://else:1", "api_key": "sk_first"}))

    without = operate(tmp_path, "--url", "http://127.0.0.1:1", "jobs", "list")
    (tmp_path / "home" / "credentials.json").unlink()
    with_none = operate(tmp_path, "--url", "http://127.0.0.1:1", "jobs", "list")

    assert without.returncode == with_none.returncode == 1
    assert "no API key" not in without.stderr
    assert "no API key" in with_none.stderr
