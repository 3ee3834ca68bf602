"""Tables of text that fit a terminal: cells are wrapped, never cut."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence

PIPE_WIDTH = 160
_GAP = "  "
_NARROWEST = 12


def width_of_output() -> int:
    """Return the terminal's width; into a file or pipe lines are long, so that tables stay tables."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else PIPE_WIDTH


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, width: int) -> Iterator[str]:
    """Yield the lines of a table; columns in which nothing is said are left out, the widest give way.

    >>> list(table(["Name", "Type"], [["n", "integer"]], width=40))
    ['Name  Type', '────  ───────', 'n     integer']
    """
    kept = [i for i in range(len(headings)) if i == 0 or any(row[i] for row in rows)]
    cells = [[row[i] for i in kept] for row in rows]
    titles = [headings[i] for i in kept]
    widths = _widths([titles, *cells], width)
    yield from _line(titles, widths)
    yield _GAP.join("─" * each for each in widths)
    for row in cells:
        yield from _line(row, widths)


def _widths(rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """Return a width per column: what the longest cell needs, or less for the widest ones."""
    wanted = [max(map(len, column), default=0) for column in zip(*rows, strict=True)]
    room = width - len(_GAP) * (len(wanted) - 1)
    while sum(wanted) > room and max(wanted[1:], default=0) > _NARROWEST:
        widest = max(range(1, len(wanted)), key=wanted.__getitem__)
        wanted[widest] -= 1
    return wanted


def _line(cells: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    wrapped = [textwrap.wrap(cell, width) or [""] for cell, width in zip(cells, widths, strict=True)]
    for index in range(max(map(len, wrapped))):
        parts = [lines[index] if index < len(lines) else "" for lines in wrapped]
        yield _GAP.join(part.ljust(width) for part, width in zip(parts, widths, strict=True)).rstrip()
