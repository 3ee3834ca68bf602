"""The Go that builds the native servers: the machine's where it is new enough, else PyPI's."""

import subprocess
from pathlib import Path

import pytest
from skyulf_service.testing import toolchain


def test_a_go_that_is_too_old_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = machine_go(tmp_path, "go1.19.8", monkeypatch)
    found = toolchain.go()
    assert found != str(old)
    said = subprocess.run([found, "version"], stdout=subprocess.PIPE, text=True, check=True)
    assert said.stdout.startswith(f"go version go{toolchain.GO_VERSION} ")


@pytest.mark.parametrize("release", ["go1.25.0", "go1.26rc1", "go2.0.1", "devel go1.27-2f1e3a"])
def test_a_go_that_is_new_enough_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, release: str) -> None:
    new = machine_go(tmp_path, release, monkeypatch)
    assert toolchain.go() == str(new)


def machine_go(folder: Path, release: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a program in front of the PATH that says that it is this release of Go."""
    program = folder / "go"
    program.write_text(f"#!/bin/sh\necho '{release}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return program
