"""The init container's command, as a process: it waits, and its exit code says what came of it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from skyulf_service.testing.processes import ServiceProcess


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SKYULF_")}
    return {**kept, "SKYULF_HOME": str(tmp_path / "home")}


def test_a_pod_waits_for_its_migration_and_no_longer(environment: dict[str, str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "skyulf_registry.main"]

    early = subprocess.run(
        [*command, "await-schema", "--seconds", "0"], env=environment, capture_output=True, text=True, timeout=60
    )
    with ServiceProcess([*command, "await-schema"], name="waiting", folder=tmp_path, env=environment) as waiting:
        migrated = subprocess.run([*command, "migrate"], env=environment, timeout=60)
        code = waiting.started().wait(timeout=60)

    assert early.returncode == 1
    assert "has schema none" in early.stdout
    assert "skyulf migrate registry" in early.stdout
    assert (migrated.returncode, code) == (0, 0)
