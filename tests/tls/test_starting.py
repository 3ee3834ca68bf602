"""A role whose settings, keys or certificates cannot be used does not start: a sentence, exit code 2, no traceback."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from skyulf_gateway.main import SERVICE as GATEWAY
from skyulf_registry.main import SERVICE as REGISTRY
from skyulf_service.ports import PORTS
from skyulf_service.roles import run_service
from skyulf_service.signing.keys import load_or_create
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


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SKYULF_S3_SECRET_KEY_FILE", "/nowhere", "SKYULF_S3_SECRET_KEY_FILE cannot be read"),
        ("SKYULF_GATEWAY_ENDPOINTS", "{", "the setting endpoints must be JSON"),
    ],
)
def test_settings_that_cannot_be_read_are_named(
    told: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str,
    said: str,
) -> None:  # fmt: skip
    monkeypatch.setenv(name, value)

    with pytest.raises(SystemExit) as ended:
        run_service(GATEWAY, ["api"])

    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_a_key_that_others_read_is_named(
    told: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    load_or_create(tmp_path / "home" / "keys", "gateway")
    (tmp_path / "home" / "keys" / "gateway.key").chmod(0o644)

    with pytest.raises(SystemExit) as ended:
        run_service(GATEWAY, ["api"])

    assert ended.value.code == 2
    assert "gateway.key can be read by others" in capsys.readouterr().err


@pytest.fixture
def production(told: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The production profile, with all that it asks for but certificates of its own."""
    for name, port in PORTS.items():
        monkeypatch.setenv(f"SKYULF_{name.upper()}_URL", f"https://{name}-api:{port}")
    monkeypatch.setenv("SKYULF_PROFILE", "production")
    monkeypatch.setenv("SKYULF_KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("SKYULF_REGISTRY_DATABASE_URL", "postgresql+asyncpg://u:p@127.0.0.1:9/d?ssl=require")
    monkeypatch.delenv("SKYULF_TLS_CERT_FILE")
    monkeypatch.delenv("SKYULF_TLS_KEY_FILE")


@pytest.mark.usefixtures("production")
def test_production_serves_nobody_without_a_certificate(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run_service(REGISTRY, ["api"])

    assert ended.value.code == 2
    assert "SKYULF_TLS_CERT_FILE and SKYULF_TLS_KEY_FILE" in capsys.readouterr().err


@pytest.mark.usefixtures("production")
def test_production_serves_plainly_by_a_clear_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SKYULF_ALLOW_INSECURE", "true")

    code, said = run_service(REGISTRY, ["api"]), capsys.readouterr()

    # it goes on to its database, where nobody is
    assert (code, said.out) == (1, "The registry database is not reachable; try again.\n")
    assert "SKYULF_TLS_CERT_FILE" not in said.err


def test_a_process_ends_with_one_line(told: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "tls.key").write_text("nothing")
    command = [sys.executable, "-m", "skyulf_gateway.main", "api"]

    done = subprocess.run(command, env={**os.environ, **told}, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("skyulf serve gateway: these settings cannot be used: ")
