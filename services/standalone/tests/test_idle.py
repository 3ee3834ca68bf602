"""What is idle costs next to nothing: it waits for news, and asks its databases seldom."""

import json
import subprocess
import sys
from pathlib import Path

from skyulf_service.testing.ports import free_port
from skyulf_standalone.main import SERVICES

PROGRAM = Path(__file__).with_name("idle_program.py")
SETTLE_SECONDS = 4
SECONDS = 8


def test_an_idle_skyulf_hardly_asks_its_databases(tmp_path: Path) -> None:
    command = [sys.executable, str(PROGRAM), str(tmp_path), str(free_port()), str(SETTLE_SECONDS), str(SECONDS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    said = next(line for line in done.stdout.splitlines() if line.startswith("asked "))
    asked = json.loads(said.removeprefix("asked "))
    # each has a relay, a lease and its measures; somebody who looks ten times a second asks ten times as often
    assert set(asked) == set(SERVICES)
    assert all(statements <= 6 * SECONDS for statements in asked.values()), asked
    assert sum(asked.values()) <= 20 * SECONDS, asked
