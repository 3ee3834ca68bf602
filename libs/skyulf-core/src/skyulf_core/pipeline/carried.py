"""Ways on which a row's own target comes back to it in the columns that encoders of the target make.

A training row is encoded with the targets of the other folds, so what it holds itself is honest. What the others hold
is made of its target, and a node that hands values from row to row would bring that back.
"""

from __future__ import annotations

from collections.abc import Collection

from skyulf_core.nodes.base import TargetAwareCalculator
from skyulf_core.pipeline.resolved import ResolvedNode
from skyulf_core.problems import Problem
from skyulf_core.schema import Schema


def carried_targets(step: ResolvedNode, encoded: Collection[str]) -> list[Problem]:
    """Return the problem of a step that gives training rows what others hold in encoded columns."""
    read = _read(step, encoded) if step.entry.calculator.mixes_rows else set()
    if not read:
        return []
    title, column = step.entry.name, min(read)
    message = (
        f"Leakage: {column!r} is made of the targets of other rows, and {title} gives a row what others hold in it, "
        "so its own target would come back."
    )
    hint = f"Move {title} before the encoder of the target, or name other columns."
    pointer = f"{step.placed.pointer}/node"
    return [Problem(pointer, message, "leakage", node=title, field="node", suggestion=hint)]


def encoded_after(step: ResolvedNode, before: Schema, after: Schema, encoded: Collection[str]) -> frozenset[str]:
    """Return the columns behind a step that hold targets of other rows: encoded ones, and what is made of them."""
    calculator = step.entry.calculator
    kept, new = frozenset(encoded) & frozenset(after.names), frozenset(after.names) - frozenset(before.names)
    encodes = isinstance(calculator, TargetAwareCalculator) and calculator.cross_fits
    if encodes:  # some encode in place: texts come out as numbers
        return kept | {column.name for column in after if column != before.find(column.name)}
    over = {name for name in after.names if name == getattr(step.parsed, "output", None)}  # one that was there
    return kept | new | over if _read(step, encoded) else kept


def _read(step: ResolvedNode, encoded: Collection[str]) -> set[str]:
    """Return the encoded columns that a step may read: all of them where it chooses its columns by type."""
    config = step.parsed
    if getattr(config, "columns", ()) is None:
        return set(encoded)
    named = {name for _, name in config.named_columns()}
    return {name for name in encoded if name in named or (name.endswith("*") and _any_begins(named, name[:-1]))}


def _any_begins(names: Collection[str], prefix: str) -> bool:
    return any(name.startswith(prefix) for name in names)
