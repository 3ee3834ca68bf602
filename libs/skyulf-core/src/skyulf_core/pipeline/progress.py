"""Progress of a long fit: one line on a terminal, rewritten."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

_WIDTH = 24
_PAUSE = 0.05
"""Seconds between two rewritings; the last state is always written."""


@contextmanager
def progress_line(stream: TextIO | None = None) -> Iterator[Callable[[float, str], None]]:
    """Yield a function to report to. The line goes to stderr, plain text, and ends when the block does.

    >>> import io
    >>> seen = io.StringIO()
    >>> with progress_line(seen) as tell:
    ...     tell(0.5, "SimpleImputer")
    >>> seen.getvalue().split("  ")[0]
    '\\r[############............] 50 %'
    """
    out = sys.stderr if stream is None else stream
    started, state = time.monotonic(), {"written": -_PAUSE, "length": 0.0}

    def write(fraction: float, message: str) -> None:
        now = time.monotonic() - started
        if fraction < 1.0 and now - state["written"] < _PAUSE:
            return
        done = round(min(max(fraction, 0.0), 1.0) * _WIDTH)
        bar = "#" * done + "." * (_WIDTH - done)
        line = f"[{bar}] {fraction:.0%}".replace("%", " %") + f"  {now:.1f} s  {' '.join(message.split())[:60]}"
        out.write("\r" + line.ljust(int(state["length"])))
        out.flush()
        state.update(written=now, length=len(line))

    try:
        yield write
    finally:
        if state["length"]:
            out.write("\n")
            out.flush()


def both(one: Callable[[float, str], None], other: Callable[[float, str], None] | None) -> Callable[[float, str], None]:
    """Return a function that reports to two."""

    def tell(fraction: float, message: str) -> None:
        one(fraction, message)
        if other is not None:
            other(fraction, message)

    return tell


def part_of(report: Callable[[float, str], None], begin: float, end: float) -> Callable[[float, str], None]:
    """Return a function to report a part of the work to: its 0 to 1 are `begin` to `end` of the whole."""
    return lambda fraction, message: report(begin + (end - begin) * fraction, message)
