"""The container of operations: what it is told and given, and the program that its commands run through."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from skyulf_service.ports import PORTS
from skyulf_service.signing import rotation
from skyulf_service.signing.folders import make_folders
from skyulf_service.signing.keys import load_public

from images.compose_file import ROOT, services

OPERATE = services()["operate"]
PROGRAM = ROOT / "deploy" / "compose" / "operate.py"


@pytest.fixture
def volumes(tmp_path: Path) -> dict[str, Path]:
    """The folders of keys in the services' volumes."""
    folders = {service: tmp_path / service / "keys" for service in PORTS}
    make_folders(folders)
    return folders


def operate(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run a command as the container does, with the volumes below a folder."""
    code = f"import sys; sys.path[:0] = [{str(PROGRAM.parent)!r}]; import operate; from pathlib import Path\n"
    code += f"sys.exit(operate.main(sys.argv[1:], volumes=Path({str(folder)!r})))"
    variables = {"SKYULF_HOME": str(folder / "home"), "SKYULF_KEYS_DIR": str(folder / "together")}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SKYULF_")} | variables
    (folder / "together").mkdir(mode=0o700, exist_ok=True)
    command = [sys.executable, "-c", code, *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


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
