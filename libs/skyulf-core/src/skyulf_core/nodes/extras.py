"""Nodes that need a package beside those of the library: said before they run, and where they run."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager

from skyulf_core.problems import DataError, Problem
from skyulf_core.serving.ops.extras import MissingExtraError


def extra_problems(package: str, *, extra: str) -> list[Problem]:
    """Return a problem where a package is not installed."""
    if importlib.util.find_spec(package) is not None:
        return []
    suggestion = f"Install it with: pip install 'skyulf-core[{extra}]'"
    return [Problem("", f"{package} is not installed.", "missing-extra", suggestion=suggestion)]


@contextmanager
def extra_needed() -> Iterator[None]:
    """Raise DataError instead of MissingExtraError."""
    try:
        yield
    except MissingExtraError as error:
        raise DataError(str(error), reason="missing-extra") from error
