"""Prometheus's own checker, and the files that it checks."""

import subprocess
from pathlib import Path

from skyulf_service.testing import toolchain

OBSERVABILITY = Path(__file__).resolve().parents[2] / "deploy" / "observability"
RULES = OBSERVABILITY / "rules.yml"


def promtool(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run it; what it says is in ``stdout`` and ``stderr``."""
    return subprocess.run([toolchain.promtool(), *arguments], capture_output=True, text=True, check=False)
