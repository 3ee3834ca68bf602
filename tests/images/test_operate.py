"""The container of operations: what it is told and given, and the program that its commands run through."""

import fcntl
import json
import os
import re
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

from images.compose_file import ROOT, Definition, services

OPERATE = services()["operate"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
PROGRAM = ROOT / "deploy" / "compose" / "operate.py"
DATABASES = {f"SKYULF_{service.upper()}_DATABASE_URL" for service in PORTS}


def with_volumes() -> list[tuple[str, Definition]]:
    """Containers that have any."""
    return [(name, definition) for name, definition in services().items() if "volumes" in definition]


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
    given = {name: value for name, value in os.environ.items() if not name.startswith("SKYULF_")}
    environment = given | {name: os.environ[name] for name in DATABASES & os.environ.keys()} | variables
    (folder / together).mkdir(mode=0o700, exist_ok=True)
    command = [sys.executable, "-c", code, *words]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def operate(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end."""
    with started(folder, *words) as process:
        said, complained = process.communicate(timeout=60)
    return subprocess.CompletedProcess(words, process.returncode, said, complained)


def test_what_a_restore_unpacks_and_puts_aside_lies_where_no_service_sees_it() -> None:
    mounted = {name: [each.split(":") for each in definition["volumes"]] for name, definition in with_volumes()}
    home = dict(reversed(each) for each in mounted["operate"] if len(each) == 2)["/var/lib/skyulf"]

    assert [name for name, volumes in mounted.items() if home in {each[0] for each in volumes}] == ["operate"]


def test_a_volume_that_it_is_the_first_to_mount_is_its_users() -> None:
    # an engine gives a new volume the owner that the folder has in the image, and root's where there is none
    made = re.search(r"install -d -o 10001 -g 10001 -m 0700 (.*)", DOCKERFILE.partition(" AS operate\n")[2])
    of_all = re.search(r"install -d -o 10001 -g 10001 -m 0700 (.*) \\", DOCKERFILE)
    named = {each.split(":")[-1] for each in OPERATE["volumes"] if not each.endswith((":ro", "-secrets"))}
    by_the_first_start = {f"/run/skyulf/{service}" for service in PORTS}

    assert made
    assert of_all
    assert named - by_the_first_start - {"/tmp"} <= {*made[1].split(), *of_all[1].split()}


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


def test_of_two_rotations_of_one_service_at_once_one_is_refused(volumes: dict[str, Path], tmp_path: Path) -> None:
    held = os.open(volumes["gateway"], os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)  # as the other one does, while it brings its keys back

    with started(tmp_path, "rotate-keys", "gateway") as late:
        wait_until(
            lambda: bool(list((tmp_path / "together").glob("gateway.*.pub"))),
            what="it has a new key", timeout=60, alive=lambda: late.poll() is None,
        )  # fmt: skip
        new = rotation.rotate(volumes["gateway"], "gateway")
        os.close(held)
        said, complained = late.communicate(timeout=60)

    assert late.returncode == 1, said
    assert "another command has changed the keys of gateway meanwhile" in complained
    assert rotation.trusted(volumes["gateway"], "gateway")[0].key.kid == new.kid


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
    (tmp_path / "gateway-home").mkdir()
    (tmp_path / "gateway-home" / "credentials.json").write_text(
        json.dumps({"url": "http://else:1", "api_key": "sk_first"})
    )

    without = operate(tmp_path, "--url", "http://127.0.0.1:1", "jobs", "list")
    (tmp_path / "gateway-home" / "credentials.json").unlink()
    with_none = operate(tmp_path, "--url", "http://127.0.0.1:1", "jobs", "list")

    assert without.returncode == with_none.returncode == 1
    assert "no API key" not in without.stderr
    assert "no API key" in with_none.stderr
