"""Waiting for what happens in the background."""

import time
from collections.abc import Callable
from typing import TypeVar

from skyulf_client.errors import WaitTimeoutError
from skyulf_client.operations import Sleep, Steps

T = TypeVar("T")
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 1.0


def until(
    read: Callable[[], Steps[T]],
    done: Callable[[T], bool],
    *,
    what: str,
    timeout: float,
    on_update: Callable[[T], None] | None = None,
) -> Steps[T]:
    """Read again and again until ``done``; ``timeout`` is in seconds. Raises `WaitTimeoutError`."""
    end, pause = time.monotonic() + timeout, FIRST_PAUSE
    while True:
        found = yield from read()
        if on_update is not None:
            on_update(found)
        if done(found):
            return found
        if time.monotonic() >= end:
            raise WaitTimeoutError(f"{what} has not ended within {timeout:g} s; it goes on.")
        yield Sleep(min(pause, max(0.0, end - time.monotonic())))
        pause = min(pause * 1.5, LONGEST_PAUSE)
