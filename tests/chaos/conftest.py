"""Installations that are disturbed from outside, each started at the first wish."""

from collections.abc import Iterator

import pytest
from harness.cramped import Cramped
from harness.disturbed import Disturbed


@pytest.fixture(scope="session")
def wired(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disturbed]:
    """Skyulf in thirteen processes with servers of its own, and a proxy on each of its connections."""
    running = Disturbed(tmp_path_factory.mktemp("wired"))
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def cramped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cramped]:
    """Skyulf in thirteen processes, whose databases and objects lie on a small disk each."""
    running = Cramped(tmp_path_factory.mktemp("cramped"))
    try:
        running.start()
        yield running
    finally:
        running.stop()
