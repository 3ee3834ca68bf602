"""Makes the sample service importable, and runs it in this process on a real SQLite file."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """An empty database file of the test's own."""
    return f"sqlite+aiosqlite:///{tmp_path / 'notes.sqlite3'}"
