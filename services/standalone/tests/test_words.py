"""What operators' commands cannot do is said in words, with no traceback, and nothing is made on the way."""

import random
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from uuid import uuid4

import pytest
import typer
from click.testing import Result
from skyulf_service.signing.keys import load_or_create
from skyulf_standalone.commands import register
from typer.testing import CliRunner

Limited = Callable[[int], AbstractContextManager[None]]


def skyulf(*words: str) -> Result:
    app = typer.Typer()
    register(app)
    return CliRunner().invoke(app, words)


def said(result: Result) -> str:
    """The words of a command that failed in words; anything else it raised is raised here."""
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code != 0
    return result.output


def test_a_backup_on_a_full_disk(home: Path, tmp_path: Path, largest_file: Limited) -> None:
    with largest_file(60_000):  # which the working files of the databases themselves stay below
        result = skyulf("backup", str(tmp_path / "b.tgz"))

    assert "cannot be copied into" in said(result)
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_an_archive_on_a_full_disk(home: Path, tmp_path: Path, largest_file: Limited) -> None:
    (home / "files").mkdir()
    sizes = [path.stat().st_size for path in (home / "db").iterdir()]
    (home / "files" / "noise").write_bytes(random.Random(7).randbytes(3 * max(sizes)))  # which no packing makes smaller
    with largest_file(2 * max(sizes)):
        result = skyulf("backup", str(tmp_path / "b.tgz"))

    assert f"{tmp_path / 'b.tgz'} cannot be written" in said(result)
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_a_restore_onto_a_full_disk(
    backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, largest_file: Limited
) -> None:
    monkeypatch.setenv("SKYULF_HOME", str(tmp_path / "target"))
    with largest_file(20_000):
        result = skyulf("restore", str(backup))

    assert ".sqlite3 cannot be written" in said(result)
    assert "nothing was restored" in result.output
    assert not (tmp_path / "target" / ".restoring").exists()


@pytest.mark.parametrize("command", ["backup", "retention"])
def test_a_database_that_is_none(home: Path, tmp_path: Path, command: str) -> None:
    (home / "db" / "registry.sqlite3").write_bytes(b"no database" * 1000)

    result = skyulf(command, *([str(tmp_path / "b.tgz")] if command == "backup" else []))

    assert "file is not a database" in said(result)
    assert "skyulf doctor" in result.output
    assert not (tmp_path / "b.tgz").exists()


@pytest.mark.parametrize("days", ["inf", "nan", "1e9", "1e300", "-1"])
def test_days_that_are_no_days(home: Path, days: str) -> None:
    result = skyulf("retention", "--dead-letters", days)

    assert "dead-letters" in said(result)
    assert result.exit_code == 2


@pytest.mark.parametrize("command", ["backup", "retention"])
def test_a_mistyped_folder_stays_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setenv("SKYULF_HOME", str(tmp_path / "mistyped"))

    result = skyulf(command, *([str(tmp_path / "b.tgz")] if command == "backup" else []))

    assert "mistyped/db/ingestion.sqlite3 does not exist" in said(result)
    assert list(tmp_path.iterdir()) == []


COMMANDS = (("backup", "b.tgz"), ("restore", "b.tgz"), ("retention",), ("rotate-keys", "gateway"), ("up",))


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_settings_that_cannot_be_used_are_said_without_what_they_hold(
    home: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    before = sorted(home.rglob("*"))
    monkeypatch.setenv("SKYULF_TLS_CERT_FILE", "tls.crt")
    monkeypatch.setenv("SKYULF_S3_SECRET_KEY", "hunter2")

    result = skyulf(*words)

    assert "SKYULF_TLS_CERT_FILE and SKYULF_TLS_KEY_FILE go together" in said(result)
    assert result.exit_code == 2
    assert "hunter2" not in result.output
    assert sorted(home.rglob("*")) == before


@pytest.mark.parametrize("words", COMMANDS[:3], ids=lambda words: words[0])
def test_a_service_s_settings_are_looked_at_too(
    home: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv("SKYULF_INGESTION_S3_ACCESS_KEY_FILE", "nowhere")

    result = skyulf(*words)

    assert "S3_ACCESS_KEY_FILE cannot be read" in said(result)
    assert result.exit_code == 2


def test_a_token_is_made_with_the_key_that_is_there_or_not_at_all(home: Path) -> None:
    project = ("--project", str(uuid4()))
    made = skyulf("token", "inference", *project)
    (home / "keys" / "gateway.key").unlink()
    before = sorted(home.rglob("*"))

    refused = skyulf("token", "inference", *project)

    assert made.exit_code == 0
    assert made.output.count(".") == 2
    assert "there is no key" in said(refused)
    assert sorted(home.rglob("*")) == before


def test_a_folder_without_a_private_key_gets_none(home: Path) -> None:
    (home / "keys" / "gateway.key").unlink()
    before = sorted(home.rglob("*"))

    result = skyulf("retention")

    assert "gateway.key does not exist" in said(result)
    assert sorted(home.rglob("*")) == before


@pytest.mark.parametrize("words", [("--list", "--distrust"), ("--prepare", "--distrust"), ("--prepare", "--list")])
def test_rotate_keys_does_one_thing(home: Path, words: tuple[str, str]) -> None:
    kid = load_or_create(home / "keys", "gateway").kid
    before = {path: path.read_bytes() for path in (home / "keys").iterdir()}

    given = [each for word in words for each in (word, kid) if each != kid or word == "--distrust"]
    result = skyulf("rotate-keys", "gateway", *given)

    assert "name one of them" in said(result)
    assert result.exit_code == 2
    assert {path: path.read_bytes() for path in (home / "keys").iterdir()} == before


def test_up_in_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    done = started("up", "--home", str(tmp_path / "file" / "home"))

    assert "file/home cannot be written" in done.stderr


def test_migrate_with_kafka_away(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        monkeypatch.setenv("SKYULF_FORM", "distributed")
        monkeypatch.setenv("SKYULF_KAFKA_BOOTSTRAP", f"127.0.0.1:{nobody.getsockname()[1]}")
        done = started("migrate", "registry")

    assert "does not answer" in done.stdout
    assert "registry: failed" in done.stdout


def test_topics_with_kafka_away(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        monkeypatch.setenv("SKYULF_KAFKA_BOOTSTRAP", f"127.0.0.1:{nobody.getsockname()[1]}")
        done = started("topics", "--seconds", "0", module="skyulf_gateway.main")

    assert "does not answer" in done.stdout


def started(*words: str, module: str = "skyulf_standalone") -> subprocess.CompletedProcess[str]:
    """A command in a process of its own: it says how all of the process logs."""
    command = [sys.executable, "-m", module, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done
