"""Training the best within the budget; where it takes longer than its folds said, the one that is quickly trained."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from skyulf_core.automl.deadline import OverdueError, until
from skyulf_core.automl.leaderboard import AutoResult
from skyulf_core.pipeline.resolved import Resolved
from skyulf_core.problems import FitWarning
from skyulf_core.threads import held_to

T = TypeVar("T")
_OVER = 1.05
"""A final training may use so much of a budget, with what comes after it: a better model is worth some seconds."""


def finished(found: AutoResult, train: Callable[[Resolved], T]) -> tuple[AutoResult, T]:
    """Train what was found, as soon as it was; return it with what was trained, and a warning if that is the spare."""
    with held_to(found.threads):
        return _finished(found, train)


def _finished(found: AutoResult, train: Callable[[Resolved], T]) -> tuple[AutoResult, T]:
    spare = found.spare
    if spare is None:
        return found, train(found.resolved)
    seconds = found.budget * _OVER - found.seconds - spare.seconds
    try:
        return found, until(time.monotonic() + seconds, lambda: train(found.resolved))
    except OverdueError:
        said = f"training {found.best.family} took longer than its folds, as on a machine that is suddenly busy"
        warnings.warn(f"{said}: {spare.entry.family} was trained instead", FitWarning, stacklevel=3)
    board = (spare.entry, *(entry for entry in found.leaderboard if entry.number != spare.entry.number))
    return replace(found, best=spare.entry, leaderboard=board, resolved=spare.resolved, spare=None), train(
        spare.resolved
    )
