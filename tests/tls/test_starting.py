"""A role whose certificates cannot be used does not start: a sentence, exit code 2, no traceback."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from skyulf_gateway.main import SERVICE as GATEWAY
from skyulf_registry.main import SERVICE as REGISTRY
from skyulf_service.roles import run_service
from skyulf_service.testing.certificates import Authority

Spoil = Callable[[Path], object]
SPOILT: list[tuple[Spoil, str]] = [
    (lambda folder: (folder / "tls.crt").unlink(), "SKYULF_TLS_CERT_FILE is"),
    (lambda folder: (folder / "tls.key").unlink(), "SKYULF_TLS_KEY_FILE is"),
    (lambda folder: (folder / "tls.crt").write_text("nothing"), "are no certificate and its key"),
    (lambda folder: Authority(folder / "x").issue(folder / "y", folder / "tls.key"), "does not belong to"),
    (lambda folder: (folder / "ca.crt").unlink(), "SKYULF_TLS_CA_FILE is"),
    (lambda folder: (folder / "ca.crt").write_text("nothing"), "holds no certificates"),
]


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment of a process with certificates that can be used."""
    Authority(tmp_path / "ca.crt").issue(tmp_path / "tls.crt", tmp_path / "tls.key")
    files = {"CERT": "tls.crt", "KEY": "tls.key", "CA": "ca.crt"}
    environment = {f"SKYULF_TLS_{name}_FILE": str(tmp_path / file) for name, file in files.items()}
    environment |= {"SKYULF_HOME": str(tmp_path / "home"), "SKYULF_FORM": "distributed"}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return environment


@pytest.mark.parametrize(("spoil", "said"), SPOILT)
def test_an_api_says_what_is_wrong(
    told: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil: Spoil, said: str
) -> None:
    spoil(tmp_path)

    with pytest.raises(SystemExit) as ended:
        run_service(GATEWAY, ["api"])

    assert ended.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(("spoil", "said"), SPOILT[-2:])
def test_a_worker_says_whom_it_cannot_believe(
    told: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil: Spoil, said: str
) -> None:
    spoil(tmp_path)

    with pytest.raises(SystemExit) as ended:
        run_service(REGISTRY, ["worker"])

    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_a_process_ends_with_one_line(told: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "tls.key").write_text("nothing")
    command = [sys.executable, "-m", "skyulf_gateway.main", "api"]

    done = subprocess.run(command, env={**os.environ, **told}, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("skyulf serve gateway: these settings cannot be used: ")
