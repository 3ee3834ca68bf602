"""What a person learns of a node while it learns: errors that name it, warnings in words of this library."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from skyulf_core.pipeline.fusing import naming
from skyulf_core.problems import FitWarning

_UNSETTLED = "ConvergenceWarning"  # scikit-learn's; its name, so that nothing is imported for it


@contextmanager
def learning(node: str) -> Iterator[None]:
    """Name the node in errors; of the warnings of libraries below say once, in a FitWarning, what can be acted on."""
    with _ear.listening() as caught, naming(node):
        yield
    if any(one.category.__name__ == _UNSETTLED for one in caught):
        message = f"{node} has not settled within its iterations; scale the columns, or allow more of them (max_iter)"
        warnings.warn(message, FitWarning, stacklevel=3)
    for one in caught:
        if issubclass(one.category, FitWarning):
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)


class _Ear:
    """Hears what is warned of, for each thread that learns apart.

    Python keeps filters of warnings for the whole process: threads that each set and restored them by themselves would
    restore each other's. So the first that listens sets them, and the last one restores them.
    """

    def __init__(self) -> None:
        self._lock, self._listeners = threading.Lock(), 0
        self._heard = threading.local()
        self._before = warnings.catch_warnings()
        self._show = warnings.showwarning

    @contextmanager
    def listening(self) -> Iterator[list[warnings.WarningMessage]]:
        """Yield the list of the warnings of this thread until the block ends."""
        lists: list[list[warnings.WarningMessage]] = self._heard.__dict__.setdefault("lists", [])
        mine: list[warnings.WarningMessage] = []
        self._begin()
        lists.append(mine)
        try:
            yield mine
        finally:
            lists.pop()
            self._end()

    def _begin(self) -> None:
        with self._lock:
            self._listeners += 1
            if self._listeners == 1:
                self._before = warnings.catch_warnings()
                self._before.__enter__()
                self._show = warnings.showwarning
                warnings.simplefilter("always")
                warnings.showwarning = self._hear

    def _end(self) -> None:
        with self._lock:
            self._listeners -= 1
            if not self._listeners:
                self._before.__exit__(None, None, None)

    def _hear(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        lists = getattr(self._heard, "lists", None)
        if lists:
            lists[-1].append(warnings.WarningMessage(message, category, filename, lineno, file, line))
        else:  # of a thread that does not learn, while another one does
            self._show(message, category, filename, lineno, file, line)


_ear = _Ear()
