"""A release runs on the schema of the next one, as long as that only expands it: docs/architecture/operations.md."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from harness.configs import tiny_data
from harness.embedded import Embedded

ROOT = Path(__file__).resolve().parents[2]
NEXT = '''"""A column more."""

import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "{newest}"
{works_with}


def upgrade() -> None:
    with op.batch_alter_table("datasets") as table:
        table.add_column(sa.Column("colour", sa.Text, nullable=True))
'''
WHICH = """
import json, sys
from skyulf_service.database.revisions import newest_revision
print(newest_revision("skyulf_ingestion"))
"""


def sources(tree: Path) -> Mapping[str, str]:
    """An environment in which a tree's packages go before those that are installed."""
    found = [*tree.glob("libs/*/src"), *tree.glob("services/*/src")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, found))}


def python(tree: Path, home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {**sources(tree), "SKYULF_HOME": str(home)}
    return subprocess.run([sys.executable, *words], env=env, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def previous(tmp_path: Path) -> Path:
    """The previous commit."""
    tree = tmp_path / "previous"
    tree.mkdir()
    command = ["git", "-C", str(ROOT), "archive", "HEAD~1", "libs", "services"]
    archive = subprocess.run(command, capture_output=True, check=True)
    subprocess.run(["tar", "-x", "-C", tree], input=archive.stdout, check=True)
    return tree


def next_release(tmp_path: Path, works_with: str) -> Path:
    """This tree with a migration more."""
    tree = tmp_path / "next"
    for folder in ("libs", "services"):
        shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("tests", "__pycache__"))
    newest = python(tree, tmp_path / "home", "-c", WHICH).stdout.strip()
    versions = tree / "services/ingestion/src/skyulf_ingestion/migrations/versions"
    (versions / "9999_next.py").write_text(NEXT.format(newest=newest, works_with=works_with.format(newest=newest)))
    return tree


@pytest.mark.slow
def test_the_previous_commit_runs_on_an_expanded_schema(tmp_path: Path, previous: Path) -> None:
    running = Embedded(tmp_path / "run")
    running.process.env.update(sources(previous))
    running.start()
    try:
        api = running.project()
        before = api.ready_dataset(tiny_data())
        running.stop()
        newer = next_release(tmp_path, 'works_with = "{newest}"')
        migrated = python(newer, running.home, "-m", "skyulf_standalone", "migrate")
        assert migrated.returncode == 0, migrated.stderr

        running.start()  # the previous commit again, on the schema of the next one

        assert api.ok("GET", f"/datasets/{before['id']}")["status"] == "ready"
        after = api.ready_dataset(tiny_data(70))
        running.stop()
        again = python(newer, running.home, "-c", LIST)
        assert set(json.loads(again.stdout)) == {before["id"], after["id"]}, again.stderr
    finally:
        running.process.kill_tree()


@pytest.mark.slow
def test_the_previous_commit_refuses_a_contracted_schema(tmp_path: Path, previous: Path) -> None:
    home = tmp_path / "home"
    assert python(next_release(tmp_path, ""), home, "-m", "skyulf_standalone", "migrate").returncode == 0

    refused = python(previous, home, "-m", "skyulf_ingestion.main", "api")

    assert refused.returncode == 1
    assert "has schema 9999, which this release does not know" in refused.stdout


LIST = """
import json, os, sqlite3, uuid
home = os.environ["SKYULF_HOME"]
rows = sqlite3.connect(os.path.join(home, "db", "ingestion.sqlite3")).execute("SELECT id, colour FROM datasets")
print(json.dumps([str(uuid.UUID(row[0])) for row in rows]))
"""
