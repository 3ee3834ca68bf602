"""`skyulf up` as a person starts it."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

from skyulf_service.testing.ports import free_port
from skyulf_service.testing.processes import ServiceProcess


def test_a_taken_port_is_said_before_anything_is_made(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        command = [sys.executable, "-m", "skyulf_standalone", "up", "--home", str(tmp_path), "--port", port]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 1
    assert done.stdout == ""
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
    assert not (tmp_path / "credentials.json").exists()


def test_the_command_finds_skyulf_on_another_port(tmp_path: Path) -> None:
    keys = set()
    for port in (free_port(), free_port()):
        command = [sys.executable, "-m", "skyulf_standalone", "up", "--home", str(tmp_path), "--port", str(port)]
        with ServiceProcess(command, name="up", folder=tmp_path) as running:
            running.wait_ready(f"http://127.0.0.1:{port}/readyz")
            words = [sys.executable, "-m", "skyulf_client.main", "datasets", "list", "--json"]
            env = {**os.environ, "SKYULF_HOME": str(tmp_path)}
            done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=60, check=False)
            assert done.returncode == 0, done.stderr
        kept = json.loads((tmp_path / "credentials.json").read_text())
        assert kept["url"] == f"http://127.0.0.1:{port}"
        keys.add(kept["api_key"])
    assert len(keys) == 1
