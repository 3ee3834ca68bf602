"""Work in steps: generators that yield how far they are, so that who waits for the work can leave it in between."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeVar

Found = TypeVar("Found")


def finished(work: Generator[float, None, Found]) -> Found:
    """Do all the steps and return what they find."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            found: Found = end.value
            return found


def counted(work: Generator[float, None, Found], count: Callable[[float], float]) -> Generator[float, None, Found]:
    """Do the work, with its yields counted otherwise."""
    while True:
        try:
            done = next(work)
        except StopIteration as end:
            found: Found = end.value
            return found
        yield count(done)
