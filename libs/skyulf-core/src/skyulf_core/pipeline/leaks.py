"""Ways on which rows that are predicted come back as reference data, or a row's own target as a feature."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from skyulf_core.nodes.base import TargetAwareCalculator
from skyulf_core.nodes.combiner import Combiner
from skyulf_core.pipeline.resolved import Resolved, ResolvedNode
from skyulf_core.pipeline.rows import Rows, table
from skyulf_core.pipeline.wiring import upstream, way
from skyulf_core.problems import Problem


def leaks(resolved: Resolved, rows: dict[str, Rows], aside: Collection[str]) -> Iterator[Problem]:
    """Yield what lets test rows or targets through. `aside` are the nodes that only make reference data."""
    for node in resolved.known_steps:
        yield from _lookups(node, resolved, rows, aside)
    yield from _cross_fits(resolved)


def _lookups(
    node: ResolvedNode, resolved: Resolved, rows: dict[str, Rows], aside: Collection[str]
) -> Iterator[Problem]:
    """Report reference inputs that hold the table whose rows are looked up, whatever way it takes."""
    calculator = node.entry.calculator
    left = rows.get(node.inputs[0]) if node.inputs else None
    if left is None or not isinstance(calculator, Combiner):
        return
    for index in sorted(calculator.reference_inputs):
        name = node.inputs[index] if index < len(node.inputs) else None
        if name is None or name not in rows:
            continue
        if rows[name].source == left.source:
            message = f"Both sides of {node.id!r} come from {table(left.source)}: every row would find itself."
            hint, code = (
                "Use Merge for columns of the same rows, GroupAggregate for values of groups.",
                "join-with-itself",
            )
        elif node.id not in aside and (path := way(left.source, name, resolved.wiring)):
            message, hint = _over_others(node, path)
            code = "leakage"
        else:  # nobody predicts the rows of reference data: it may hold a table twice
            continue
        pointer = f"{node.placed.pointer}/inputs/{index}"
        yield Problem(pointer, message, code, node=node.id, field="inputs", suggestion=hint)


def _over_others(node: ResolvedNode, path: list[str]) -> tuple[str, str]:
    """Return sentence and advice for a table that is looked up in another one, which then is looked up by it."""
    main, shown = table(path[0]), " → ".join(map(repr, [*path, node.id]))
    message = (
        f"Leakage: the reference data of {node.id!r} holds values of {main}, whose rows are looked up in it ({shown}); "
        "no splitter divides reference data, so values of test rows would come to training rows."
    )
    hint = (
        f"Make the reference data of tables other than {main}; for values of groups of its rows, use GroupAggregate "
        "after the split."
    )
    return message, hint


def _cross_fits(resolved: Resolved) -> Iterator[Problem]:
    """Report nodes that cross-fit where a row and what was made of it may lie in two folds."""
    live = {**resolved.wiring, **{node.id: node.live_inputs() for node in resolved.nodes}}
    repeating = [step for step in resolved.known_steps if _repeats(step)]
    for step in resolved.known_steps:
        calculator, title = step.entry.calculator, step.entry.name
        if not isinstance(calculator, TargetAwareCalculator) or not calculator.cross_fits:
            continue
        before = upstream([step.id], live)
        first = next((other for other in repeating if other.id in before), None)
        if first is not None:
            message = (
                f"Leakage: {title} encodes a training row with the targets of the other folds, and {first.entry.name} "
                f"({first.id!r}) puts copies or neighbours of a row into them, so its own target would come back."
            )
            hint = f"Move {title} before {first.entry.name}."
            yield Problem(f"{step.placed.pointer}/node", message, "leakage", node=title, field="node", suggestion=hint)


def _repeats(step: ResolvedNode) -> bool:
    return step.config is not None and step.entry.calculator.repeats_rows(step.config)
