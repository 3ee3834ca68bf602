"""Packages that an operation needs beside numpy: imported where it first runs."""

from __future__ import annotations

import importlib
from types import ModuleType

from skyulf_core.serving.ops.base import PlanError


class MissingExtraError(PlanError):
    """A package is not installed; the text says how to install it."""


def need(module: str, *, extra: str) -> ModuleType:
    """Return an optional module. Raises MissingExtraError."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        message = f"{package} is not installed; install it with: pip install 'skyulf-core[{extra}]'"
        raise MissingExtraError(message) from error
