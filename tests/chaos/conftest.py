"""An installation whose connections can be disturbed, started at the first wish."""

from collections.abc import Iterator

import pytest
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
