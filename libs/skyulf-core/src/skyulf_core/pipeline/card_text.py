"""Markdown of model cards: tables, and texts that cannot break out of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table; cells are escaped."""
    lines = [head, ["---"] * len(head), *([text(cell) for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def text(value: object) -> str:
    r"""Return a value as text that Markdown leaves as it is; characters that steer a terminal or turn lines are marked.

    >>> text("a|b\n\u202egnp.exe") == "a\\|b \ufffdgnp.exe"
    True
    """
    escaped = "".join(char if char.isprintable() else "\ufffd" for char in " ".join(str(value).split()))
    for char in "\\`*_[]|<>#":
        escaped = escaped.replace(char, f"\\{char}")
    return escaped
