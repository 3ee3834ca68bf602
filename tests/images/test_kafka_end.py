"""How Kafka's container ends: its command, run by the shells that images have, with another program in its place."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from images.compose_file import services

KAFKA = "/etc/kafka/docker/run"
SHELLS = [shell for shell in ("dash", "bash") if shutil.which(shell)]
# says that it runs, then waits to be told
SERVER = "trap '{}' TERM; : > {}; while :; do sleep 0.02; done"


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@contextmanager
def started(shell: str, folder: Path, program: str) -> "Iterator[subprocess.Popen[bytes]]":
    """The container's command, with a program where the image has Kafka's; at the end of the block both are gone."""
    path = folder / "run"
    path.write_text(f"#!/bin/sh\n{program}\n")
    path.chmod(0o755)
    interpreter, option, script = services()["kafka"]["command"]
    assert (interpreter, option, KAFKA in script) == ("/bin/sh", "-c", True)
    command = [shell, option, script.replace("$$", "$").replace(KAFKA, str(path))]
    process = subprocess.Popen(command, start_new_session=True)
    try:
        yield process
    finally:
        # the group: whoever ends the shell alone leaves the program behind
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def told(process: "subprocess.Popen[bytes]", ready: Path, *, times: int = 1) -> int:
    """What it ends with after the signal that a container is stopped with."""
    runs(process, ready)
    for _ in range(times):
        process.send_signal(signal.SIGTERM)
        time.sleep(0.1)
    return process.wait(timeout=10)


def runs(process: "subprocess.Popen[bytes]", ready: Path) -> None:
    """Wait until the program says that it runs."""
    while not ready.exists():
        assert process.poll() is None
        time.sleep(0.01)


def test_java_that_was_told_to_end_has_ended_well(shell: str, tmp_path: Path) -> None:
    ready, last = tmp_path / "ready", tmp_path / "last"
    tidy = f"sleep 0.3; : > {last}; exit 143"

    with started(shell, tmp_path, SERVER.format(tidy, ready)) as process:
        code = told(process, ready, times=2)

    assert code == 0
    assert last.exists(), "it was not waited for"


def test_another_code_after_the_signal_is_kept(shell: str, tmp_path: Path) -> None:
    ready = tmp_path / "ready"

    with started(shell, tmp_path, SERVER.format("exit 3", ready)) as process:
        assert told(process, ready) == 3


@pytest.mark.parametrize("code", [0, 1, 137, 143])
def test_an_end_that_nobody_asked_for_is_told_as_it_was(shell: str, tmp_path: Path, code: int) -> None:
    with started(shell, tmp_path, f"exit {code}") as process:
        assert process.wait(timeout=10) == code


def test_a_test_that_fails_leaves_nothing_behind(shell: str, tmp_path: Path) -> None:
    begun: list[psutil.Process] = []

    def fail() -> None:
        with started(shell, tmp_path, SERVER.format("", tmp_path / "ready")) as process:
            runs(process, tmp_path / "ready")
            begun.extend([psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)])
            raise TimeoutError("it does not end")

    with pytest.raises(TimeoutError):
        fail()
    _, alive = psutil.wait_procs(begun, timeout=5)

    assert len(begun) > 1
    assert alive == []
