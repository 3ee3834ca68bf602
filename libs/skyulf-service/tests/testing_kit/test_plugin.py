"""The session's servers: one of each for all workers, and none left, however the session ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from skyulf_service.testing import RunMarker
from skyulf_service.testing.ports import wait_until

PLUGINS = ("-p", "xdist", "-p", "skyulf_service.testing.plugin", "-p", "no:cacheprovider")
pytestmark = pytest.mark.postgres

SHARED = """
import os
import pytest

@pytest.mark.parametrize("number", range(6))
def test_records_the_address(postgres_server, number):
    with open(os.environ["RECORD"], "a") as record:
        record.write(postgres_server.url("x").rsplit(":", 1)[1] + " " + os.environ["PYTEST_XDIST_WORKER"] + "\\n")
"""
CRASHING = """
import os

def test_first(postgres_server):
    postgres_server.create_database()
    os.kill(os.getpid(), 9)

def test_second(postgres_server):
    postgres_server.create_database()
"""
HANGING = """
import os, time

def test_hangs(postgres_server):
    open(os.environ["RECORD"], "w").close()
    time.sleep(60)
"""


def run_pytest(folder: Path, source: str, *flags: str, marker: RunMarker) -> subprocess.Popen[str]:
    (folder / "test_inner.py").write_text(source)
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    env |= {
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "RECORD": str(folder / "record"),
        "SKYULF_TEST_DOCKER": "0",
        **marker.environment(),
    }
    command = [sys.executable, "-m", "pytest", "-q", *PLUGINS, "--rootdir", str(folder), *flags]
    return subprocess.Popen([*command, str(folder)], env=env, stdout=subprocess.PIPE, text=True, cwd=folder)


def test_all_workers_share_one_server_and_it_ends_with_the_session(tmp_path: Path) -> None:
    marker = RunMarker()

    output, _ = run_pytest(tmp_path, SHARED, "-n2", marker=marker).communicate(timeout=120)

    assert "6 passed" in output
    addresses, workers = zip(*(line.split() for line in (tmp_path / "record").read_text().splitlines()), strict=True)
    assert len(set(addresses)) == 1
    assert len(set(workers)) == 2
    marker.assert_no_orphans()


def test_a_worker_that_crashes_takes_no_server_with_it(tmp_path: Path) -> None:
    marker = RunMarker()

    output, _ = run_pytest(tmp_path, CRASHING, "-n1", marker=marker).communicate(timeout=120)

    assert "1 failed, 1 passed" in output
    marker.assert_no_orphans()


@pytest.mark.parametrize("flags", [(), ("-n1",)], ids=["alone", "workers"])
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL], ids=lambda end: end.name)
def test_no_server_outlives_a_session_that_is_ended(
    tmp_path: Path, flags: tuple[str, ...], end: signal.Signals
) -> None:
    marker = RunMarker()
    session = run_pytest(tmp_path, HANGING, *flags, marker=marker)
    wait_until((tmp_path / "record").exists, what="the inner test", timeout=60)
    time.sleep(0.2)

    session.send_signal(end)
    session.communicate(timeout=60)

    marker.assert_no_orphans(grace=10)
