"""Pieces of report pages; every text that is put in is escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

_LONGEST = 300


@dataclass(frozen=True)
class Markup:
    """HTML that is ready: it is not escaped again."""

    html: str


Cell: TypeAlias = object


def text(value: object) -> str:
    """Return a value as text of a page: escaped, cut where it is very long."""
    shown = str(value).lower() if isinstance(value, bool) else str(value)
    shown = "".join(char if char.isprintable() or char == "\n" else "\ufffd" for char in shown)
    return html.escape(shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…")


def cell(value: Cell) -> str:
    """Return what stands in a cell."""
    if isinstance(value, Markup):
        return value.html
    return text(number(value) if isinstance(value, float) else "–" if value is None else value)


def number(value: float) -> str:
    """Return a number with four digits, thousands apart.

    >>> number(0.123456), number(12345.678), number(3.0)
    ('0.1235', '12,346', '3')
    """
    if abs(value) >= 10_000:
        return f"{value:,.0f}" if abs(value) < 1e12 else f"{value:.4g}"
    return f"{value:.4g}"


def table(head: Sequence[str], rows: Iterable[Sequence[Cell]], *, numbers: frozenset[int] = frozenset()) -> str:
    """Return a table; columns in `numbers` are set to the right."""
    shape = [' class="number"' if place in numbers else "" for place in range(len(head))]
    first = "".join(f"<th{kind}>{text(name)}</th>" for name, kind in zip(head, shape, strict=True))
    body = "".join(
        f"<tr>{''.join(f'<td{kind}>{cell(each)}</td>' for each, kind in zip(row, shape, strict=True))}</tr>"
        for row in rows
    )
    return f'<div class="card"><table><thead><tr>{first}</tr></thead><tbody>{body}</tbody></table></div>'


def section(anchor: str, title: str, *parts: str) -> str:
    """Return a section; nothing where it has no parts."""
    inside = "".join(part for part in parts if part)
    return f'<section id="{anchor}"><h2>{text(title)}</h2>{inside}</section>' if inside else ""


def note(words: str) -> str:
    """Return a soft line."""
    return f'<p class="soft">{text(words)}</p>'


def items(texts: Iterable[str]) -> str:
    """Return a list."""
    return f"<ul>{''.join(f'<li>{text(each)}</li>' for each in texts)}</ul>"
