"""These tests need a Docker engine, and minutes: `make compose` sets FORM and runs them, nothing else does."""

import os

import pytest
from harness.composed import Composed

collect_ignore_glob = [] if os.environ.get("FORM") == "compose" else ["test_*.py"]


@pytest.fixture
def running(composed: Composed) -> Composed:
    """The installation, with every container healthy."""
    composed.up()
    return composed


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them."""
    for item in items:
        if "tests/compose/" in item.path.as_posix():
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.timeout(900))
