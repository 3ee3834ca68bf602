"""The `skyulf.toml` of a backup, and the settings of the place: data is restored to where it is read afterwards."""

import asyncio
import os
import re
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
import typer
from skyulf_standalone.backup.commands import register
from skyulf_standalone.backup.elsewhere import named_elsewhere
from skyulf_standalone.backup.errors import BackupError
from skyulf_standalone.backup.making import back_up
from skyulf_standalone.backup.restoring import restore
from skyulf_standalone.backup.watching import Nobody
from skyulf_standalone.services import service_of
from sqlalchemy.engine import make_url
from typer.testing import CliRunner


@pytest.fixture
def live(home: Path) -> Path:
    """The registry's database, outside of the data folder; `skyulf.toml` names it."""
    database = home.parent / "srv" / "registry.sqlite3"
    database.parent.mkdir()
    (home / "db" / "registry.sqlite3").rename(database)
    (home / "skyulf.toml").write_text(f'log_level = "error"\n[registry]\ndatabase_url = "{sqlite(database)}"\n')
    (home / "skyulf.toml").chmod(0o600)
    return database


@pytest.fixture
def made(live: Path, tmp_path: Path) -> Path:
    """A backup of it."""
    asyncio.run(back_up(tmp_path / "b.tgz", Nobody()))
    return tmp_path / "b.tgz"


@pytest.fixture
def proof(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to restore into."""
    monkeypatch.setenv("SKYULF_HOME", str(tmp_path / "proof"))
    return tmp_path / "proof"


def sqlite(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


def holds_schema(name: str) -> Path:
    """The database that a service would use now; it holds what was restored."""
    path = Path(str(make_url(service_of(name).settings().database).database))
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        assert connection.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)
    return path


def test_settings_that_name_a_live_database_are_not_put_into_a_place_without_its_own(
    proof: Path, made: Path, live: Path
) -> None:
    before = live.read_bytes()

    with pytest.raises(BackupError, match=r"other places .* database of registry: .*srv/.* \(here .*proof/db/.*\)"):
        asyncio.run(restore(made, Nobody()))

    assert [path.name for path in proof.iterdir()] == [".lock"]
    assert live.read_bytes() == before


def test_the_command_that_the_refusal_names_restores_to_where_it_was(proof: Path, made: Path, live: Path) -> None:
    with pytest.raises(BackupError) as refused:
        asyncio.run(restore(made, Nobody()))
    command = re.search(r"\(umask 077; tar .*toml\)", str(refused.value))
    assert command is not None
    subprocess.run(["bash", "-c", command[0]], check=True)
    live.unlink()

    done = asyncio.run(restore(made, Nobody()))

    assert (done.beside, done.elsewhere) == (None, [])
    assert holds_schema("registry") == live
    assert (proof / "skyulf.toml").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("own", ["", "log_level = 'debug'\n"])
def test_settings_of_the_place_are_kept_and_those_of_the_backup_lie_beside(
    proof: Path, made: Path, home: Path, live: Path, own: str
) -> None:
    proof.mkdir()
    (proof / "skyulf.toml").write_text(own)
    before = live.read_bytes()

    app = typer.Typer()
    register(app)
    done = CliRunner().invoke(app, ["restore", str(made)])

    assert done.exit_code == 0, done.output
    assert "The settings of this place were kept" in done.output
    assert f"database of registry: {sqlite(live)}" in done.output
    assert (proof / "skyulf.toml").read_text() == own
    beside = proof / "skyulf.toml.restored"
    assert beside.read_text() == (home / "skyulf.toml").read_text()
    assert beside.stat().st_mode & 0o777 == 0o600
    assert holds_schema("registry") == proof / "db" / "registry.sqlite3"
    assert live.read_bytes() == before


def test_the_environment_goes_before_both_so_the_backup_may_be_put_in_place(
    proof: Path, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKYULF_REGISTRY_DATABASE_URL", sqlite(tmp_path / "other" / "registry.sqlite3"))

    done = asyncio.run(restore(made, Nobody()))

    assert done.beside is None
    assert 'log_level = "error"' in (proof / "skyulf.toml").read_text()
    assert holds_schema("registry") == tmp_path / "other" / "registry.sqlite3"


def test_in_its_own_place_the_backup_brings_its_settings_back(made: Path, home: Path, live: Path) -> None:
    then = (home / "skyulf.toml").read_text()
    (home / "skyulf.toml").write_text(then.replace('"error"', '"debug"'))

    done = asyncio.run(restore(made, Nobody(), replace=True))

    assert (home / "skyulf.toml").read_text() == then
    assert done.aside is not None
    assert 'log_level = "debug"' in (done.aside / "skyulf.toml").read_text()
    assert holds_schema("registry") == live


def test_a_backup_without_settings_leaves_those_of_the_place(
    backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKYULF_HOME", str(tmp_path / "proof"))
    (tmp_path / "proof").mkdir()
    own = f'[registry]\ndatabase_url = "{sqlite(tmp_path / "x" / "registry.sqlite3")}"\n'
    (tmp_path / "proof" / "skyulf.toml").write_text(own)

    done = asyncio.run(restore(backup, Nobody()))

    assert (done.beside, done.elsewhere) == (None, [])
    assert (tmp_path / "proof" / "skyulf.toml").read_text() == own
    assert holds_schema("registry") == tmp_path / "x" / "registry.sqlite3"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("s3_endpoint = 's3:9000'", [r"objects of ingestion, .*: S3 at s3:9000 \(here .*/objects\)"]),
        ("[pipeline]\ns3_endpoint = 's3:9000'", [r"objects of pipeline: S3 at s3:9000 \(here .*/objects\)"]),
        ("form = 'distributed'\nkafka_bootstrap = 'k:1'", [r"events of .*Kafka at k:1 \(here within", "neighbours of"]),
        ("keys_dir = '/etc/keys'", [r"keys of ingestion, .*: /etc/keys \(here .*/keys\)"]),
        ("[gateway]\ndatabase_url = 'postgresql+asyncpg://g:secret@db/g'", [r"gateway: .*g:\*\*\*@db/g \(here"]),
        ("log_level = 'loud'", ["cannot be used here"]),
        ("= 1", ["cannot be read"]),
        ("log_level = 'debug'\n[gateway]\nport = 9000", []),
        ("s3_access_key = 'unused without an endpoint'", []),
    ],
)
def test_what_settings_name_elsewhere_is_said_without_secrets(home: Path, settings: str, said: list[str]) -> None:
    found = named_elsewhere(settings.encode())

    assert len(found) == len(said)
    assert all(re.search(words, line) for words, line in zip(said, found, strict=True)), found
    assert not any("secret" in line for line in found)


def test_other_credentials_for_the_same_bucket_are_said(home: Path) -> None:
    settings = "s3_endpoint = 's3:9000'\ns3_secret_key = '{}'\n"
    (home / "skyulf.toml").write_text(settings.format("new"))

    found = named_elsewhere(settings.format("old").encode())

    assert len(found) == 1
    assert found[0].endswith("S3 at s3:9000 (here with other credentials)")
    assert named_elsewhere(settings.format("new").encode()) == []
    assert "old" not in os.linesep.join(found)
