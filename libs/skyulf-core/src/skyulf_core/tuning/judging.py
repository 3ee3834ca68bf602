"""Folds of a pipeline whose parameters change, and of a part of their rows."""

from __future__ import annotations

import threading

from skyulf_core.pipeline.resolved import Resolved
from skyulf_core.validation.engine import CrossValidator
from skyulf_core.validation.result import FoldResult


class Judge:
    """Runs folds of a validator, or of as many of its rows as are asked for."""

    def __init__(self, validator: CrossValidator, *, random_state: int) -> None:
        self.validator, self._random_state, self._lock = validator, random_state, threading.Lock()
        self._rows, self._thinned = len(validator.rows), validator

    @property
    def folds(self) -> int:
        """How many folds there are."""
        return self.validator.folds

    def run_fold(self, resolved: Resolved, index: int, *, rows: int | None = None) -> FoldResult:
        """Train and score one fold. Raises DataError."""
        return self._of(rows).run_fold(resolved, index)

    def _of(self, rows: int | None) -> CrossValidator:
        """Return the validator for a number of rows; the one of the current round of halving is kept."""
        whole = len(self.validator.rows)
        if rows is None or rows >= whole:
            return self.validator
        with self._lock:
            if rows != self._rows:
                self._thinned = self.validator.thinned(rows / whole, random_state=self._random_state, every_class=True)
                self._rows = rows
            return self._thinned
