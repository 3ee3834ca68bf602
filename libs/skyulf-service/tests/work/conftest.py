"""Makes the helpers beside the tests importable, and gives a store of jobs on each kind of database."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from skyulf_service.work.queue import WorkQueue
from skyulf_service.work.slots import ChildSlots
from work_support import Handler, Store, children_environment, jobs


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    """Jobs in an empty database."""
    opened = await Store.create(database_url)
    yield opened
    await opened.database.close()


@pytest.fixture
def queue(store: Store) -> WorkQueue:
    """The queue of these jobs."""
    return WorkQueue(jobs, store.database)


@pytest.fixture
def handler(store: Store, tmp_path: Path) -> Handler:
    """A service's handler."""
    return Handler(store, tmp_path / "scratch")


@pytest.fixture
def slots() -> ChildSlots:
    """Two slots; whoever runs a supervisor on them also closes them."""
    return ChildSlots(2, environment=children_environment(), warm=False)
