"""A whole pipeline service for the tests: its app, its database, a folder of objects, and callers with permissions."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from pipeline_street import Street, open_street


@pytest.fixture
async def street(database_url: str, tmp_path: Path) -> AsyncIterator[Street]:
    """The service on SQLite and on PostgreSQL."""
    async with open_street(database_url, tmp_path / "home") as opened:
        yield opened


@pytest.fixture
async def lane(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Street]:
    """The service on SQLite, for what does not depend on the database."""
    async with open_street(sqlite_url, tmp_path / "home") as opened:
        yield opened
