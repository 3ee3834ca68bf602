"""Ending what computes at a moment: as Ctrl-C would, but in the thread that computes, and there alone.

Libraries that learn return to Python between trees, iterations and rows, and are prepared for an interruption there.
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable
from typing import TypeVar

R = TypeVar("R")
_AGAIN = 3.0
"""Seconds after which it is raised anew, where somebody has swallowed it."""
_TIMES = 5


class OverdueError(BaseException):
    """The moment has come. Beside Exception, as KeyboardInterrupt is: no library shall take it for a failed fit."""


def until(moment: float, work: Callable[[], R]) -> R:
    """Return what `work` returns; raise OverdueError where it still runs at a moment of time.monotonic.

    Code that does not return to Python goes on until it does. Where the moment has come already, nothing is begun. What
    comes of work that was interrupted is never returned, even where somebody has swallowed the interruption: a library
    that is called back for rows takes it for the end of them.
    """
    seconds = moment - time.monotonic()
    if seconds <= 0:
        raise OverdueError
    alarm = _Alarm()
    try:
        try:
            alarm.begin(min(seconds, threading.TIMEOUT_MAX))  # which may be interrupted itself
            result = work()
        finally:
            alarm.end()
    except Exception as error:
        if alarm.raised:
            raise OverdueError from error
        raise
    finally:
        alarm.end()  # it may have come while the first one ended
    if alarm.raised:
        raise OverdueError
    return result


class _Alarm:
    """Interrupts the thread that made it, a few times at most."""

    def __init__(self) -> None:
        self._thread, self._lock = threading.get_ident(), threading.Lock()
        self._over, self._ended = False, threading.Event()
        self.raised = False

    def begin(self, seconds: float) -> None:
        """Interrupt in so many seconds."""
        threading.Thread(target=self._watch, args=(seconds,), name="deadline", daemon=True).start()

    def end(self) -> None:
        """Interrupt no more; what was not delivered is taken back. May be called again."""
        with self._lock:
            if not self._over:
                self._over = True
                _interrupt(self._thread, None)
        self._ended.set()

    def _watch(self, seconds: float) -> None:
        for _ in range(_TIMES):
            if self._ended.wait(seconds):
                return
            with self._lock:
                if self._over:
                    return
                self.raised = True
                _interrupt(self._thread, OverdueError)
            seconds = _AGAIN


def _interrupt(thread: int, error: type[BaseException] | None) -> None:
    """Let a thread raise an error at its next step in Python; None takes back one that it has not raised yet."""
    raised = None if error is None else ctypes.py_object(error)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), raised)
