"""Real processes end when they should, and whoever does not is named."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from skyulf_service.testing import RunMarker, ServiceProcess, free_port
from skyulf_service.testing.ports import wait_until
from skyulf_service.testing.processes import MARKER_VARIABLE, running

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
# A parent with a child in a session of its own, whose environment was emptied.
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], env={}, start_new_session=True)
print(child.pid, flush=True)
time.sleep(60)
"""


def child_pid(process: ServiceProcess) -> int:
    wait_until(lambda: process.log_text().strip().isdigit(), what="the child's pid", timeout=10)
    return int(process.log_text())


def test_a_process_serves_is_killed_and_starts_again_with_one_log(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-u", "-m", "http.server", str(port), "--bind", "127.0.0.1"]

    with ServiceProcess(command, name="web", folder=tmp_path) as web:
        web.wait_ready(f"http://127.0.0.1:{port}/")
        web.kill()
        assert not web.alive
        web.start()
        web.wait_ready(f"http://127.0.0.1:{port}/")
        assert web.log_text().count("Serving HTTP") == 2

    web.marker.assert_no_orphans()


def test_a_process_that_ends_early_is_reported_with_its_log(tmp_path: Path) -> None:
    process = ServiceProcess([sys.executable, "-c", "raise SystemExit('no database')"], name="early", folder=tmp_path)
    process.start()

    with pytest.raises(RuntimeError, match="no database"):
        process.wait_ready("http://127.0.0.1:1/", timeout=10)


def test_terminate_returns_the_exit_status(tmp_path: Path) -> None:
    process = ServiceProcess(SLEEP, name="sleep", folder=tmp_path)
    process.start()
    wait_until(lambda: "sleep" in " ".join(psutil.Process(process.pid).cmdline()[-1:]), what="exec", timeout=10)

    assert process.terminate() == -15


def test_an_orphan_is_named_even_when_its_environment_was_emptied(tmp_path: Path) -> None:
    with ServiceProcess([sys.executable, "-u", "-c", PARENT], name="parent", folder=tmp_path) as parent:
        orphan = child_pid(parent)

        parent.kill()

        assert MARKER_VARIABLE not in psutil.Process(orphan).environ()
        with pytest.raises(AssertionError, match=str(orphan)):
            parent.marker.assert_no_orphans(grace=0.1)
    parent.marker.assert_no_orphans()
    assert not psutil.pid_exists(orphan) or not running(psutil.Process(orphan))


def test_marked_processes_are_found_by_their_environment_alone() -> None:
    marker = RunMarker()
    process = subprocess.Popen(SLEEP, env={**os.environ, **marker.environment()})

    try:
        assert [found.pid for found in marker.alive()] == [process.pid]
        assert RunMarker().alive() == []
    finally:
        process.kill()
        process.wait()
    marker.assert_no_orphans()


def test_a_started_process_dies_with_its_parent_even_after_sigkill(tmp_path: Path) -> None:
    script = """
import sys, time
from pathlib import Path
from skyulf_service.testing.processes import spawn
process = spawn([sys.executable, "-c", "import time; time.sleep(60)"], log=Path(sys.argv[1]))
print(process.pid, flush=True)
time.sleep(60)
"""
    parent = subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "log")], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    assert running(child)
    time.sleep(0.2)

    parent.kill()
    parent.wait()
    parent.stdout.close()

    wait_until(lambda: not running(child), what="the child's end", timeout=5)
