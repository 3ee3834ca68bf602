"""How Kafka's container ends: its command, run by the shells that images have, with another program in its place."""

import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from images.compose_file import services

KAFKA = "/etc/kafka/docker/run"
SHELLS = [shell for shell in ("dash", "bash") if shutil.which(shell)]
# says that it runs, then waits to be told
SERVER = "trap '{}' TERM; : > {}; while :; do sleep 0.02; done"


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def started(shell: str, folder: Path, program: str) -> "subprocess.Popen[bytes]":
    """The container's command, with a program where the image has Kafka's."""
    path = folder / "run"
    path.write_text(f"#!/bin/sh\n{program}\n")
    path.chmod(0o755)
    interpreter, option, script = services()["kafka"]["command"]
    assert (interpreter, option, KAFKA in script) == ("/bin/sh", "-c", True)
    return subprocess.Popen([shell, option, script.replace("$$", "$").replace(KAFKA, str(path))])


def told(process: "subprocess.Popen[bytes]", ready: Path, *, times: int = 1) -> int:
    """What it ends with after the signal that a container is stopped with."""
    while not ready.exists():
        assert process.poll() is None
        time.sleep(0.01)
    for _ in range(times):
        process.send_signal(signal.SIGTERM)
        time.sleep(0.1)
    return process.wait(timeout=10)


def test_java_that_was_told_to_end_has_ended_well(shell: str, tmp_path: Path) -> None:
    ready, last = tmp_path / "ready", tmp_path / "last"
    tidy = f"sleep 0.3; : > {last}; exit 143"

    code = told(started(shell, tmp_path, SERVER.format(tidy, ready)), ready, times=2)

    assert code == 0
    assert last.exists(), "it was not waited for"


def test_another_code_after_the_signal_is_kept(shell: str, tmp_path: Path) -> None:
    ready = tmp_path / "ready"

    assert told(started(shell, tmp_path, SERVER.format("exit 3", ready)), ready) == 3


@pytest.mark.parametrize("code", [0, 1, 137, 143])
def test_an_end_that_nobody_asked_for_is_told_as_it_was(shell: str, tmp_path: Path, code: int) -> None:
    assert started(shell, tmp_path, f"exit {code}").wait(timeout=10) == code
