"""Which checks of scikit-learn's `check_estimator` the estimators do not run, and why: the table of the guide."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

SKIPPED_CHECKS: Mapping[str, str] = MappingProxyType(
    {
        "check_array_api_input": (
            "scikit-learn itself skips it unless `SCIPY_ARRAY_API=1` is set before scipy is imported. Our tests also "
            "run in a process that sets it, where it passes."
        ),
    }
)
"""Checks that are skipped, with the reason. No check fails."""


def skipped_table() -> str:
    """Return the table as Markdown."""
    rows = [f"| `{name}` | {reason} |" for name, reason in SKIPPED_CHECKS.items()]
    return "\n".join(["| Check | Why it is skipped |", "|---|---|", *rows])
