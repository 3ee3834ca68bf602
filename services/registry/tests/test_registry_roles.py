"""A role that cannot start says why in words."""

import os
import subprocess
import sys

from skyulf_service.ports import PORTS

PRODUCTION = {
    "SKYULF_PROFILE": "production",
    "SKYULF_FORM": "distributed",
    "SKYULF_KAFKA_SECURITY_PROTOCOL": "SSL",
    **{f"SKYULF_{name.upper()}_URL": f"https://{name}-api:{port}" for name, port in PORTS.items()},
}


def test_settings_that_cannot_be_used_are_told_without_what_was_read() -> None:
    environment = {**os.environ, **PRODUCTION}
    environment["SKYULF_REGISTRY_DATABASE_URL"] = "postgresql+asyncpg://registry:hunter2@127.0.0.1:1/registry"

    ended = run(["api"], environment)

    assert ended.returncode == 2
    assert "these settings cannot be used: Value error, production needs TLS to PostgreSQL" in ended.stderr
    assert "hunter2" not in ended.stderr + ended.stdout
    assert "Traceback" not in ended.stderr


def test_topics_need_no_database_and_no_key() -> None:
    environment = {**os.environ, **PRODUCTION, "SKYULF_KAFKA_BOOTSTRAP": "nowhere"}

    ended = run(["topics", "--seconds", "1"], environment)

    assert "DATABASE_URL" not in ended.stderr
    assert "nowhere" in ended.stderr


def run(role: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a role until it ends."""
    command = [sys.executable, "-m", "skyulf_registry.main", *role]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
