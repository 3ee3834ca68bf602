"""Which rows a node gives: from which source, and changed by which nodes on the way."""

from __future__ import annotations

from dataclasses import dataclass, replace

from skyulf_core.nodes.base import Kind, Splitter
from skyulf_core.nodes.combiner import Combiner
from skyulf_core.pipeline.resolved import Resolved, ResolvedNode
from skyulf_core.pipeline.wiring import SOURCE


@dataclass(frozen=True)
class Rows:
    """The rows of a source after the nodes that divided, dropped or added some; two that are equal line up.

    `sure` is False where a node on the way is unknown.
    """

    source: str
    splitters: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    sure: bool = True

    def difference(self, other: Rows, resolved: Resolved) -> tuple[str, str, str] | None:
        """Return code, sentence (of `{first}` and `{other}`) and advice where other rows do not line up with these."""
        if self.source != other.source:
            message = (
                f"The rows of {{first}} are those of {table(self.source)}, the rows of {{other}} those of "
                f"{table(other.source)}; Merge puts columns of the same rows side by side."
            )
            return "other-rows", message, "Use Join to look rows up by a key."
        if self.splitters != other.splitters:
            message = f"{{first}} is {_split(self)}, {{other}} is {_split(other)}: their rows do not line up."
            return "unequal-splits", message, "Split once, before the branches part."
        apart = [name for name in self.changes if name not in other.changes]
        apart += [name for name in other.changes if name not in self.changes]
        if not apart:
            return None
        where = (
            "{first}, not on the way to {other}" if apart[0] in self.changes else "{other}, not on the way to {first}"
        )
        message = f"{apart[0]!r} ({_title(apart[0], resolved)}) changes the training rows on the way to {where}."
        return "unequal-rows", message, f"Move {apart[0]!r} before the branches part, or after the Merge."


def table(source: str) -> str:
    """Return a source or node as a sentence names it."""
    return repr(source) if source != SOURCE else "the data"


def _split(rows: Rows) -> str:
    return f"split by {rows.splitters[-1]!r}" if rows.splitters else "not split"


def _title(name: str, resolved: Resolved) -> str:
    return next((node.entry.name for node in resolved.nodes if node.id == name), name)


def rows_of(resolved: Resolved) -> dict[str, Rows]:
    """Return the rows of every source and node. What no data reaches has rows that are not sure."""
    found = {name: Rows(name) for name in (SOURCE, *resolved.sources)}
    nodes = {node.id: node for node in resolved.nodes}
    for name, inputs in resolved.wiring.items():
        before = found.get(inputs[0]) if inputs else None
        before = before or Rows(SOURCE, sure=False)
        node = nodes.get(name)
        found[name] = replace(before, sure=False) if node is None else _after(node, before)
    return found


def _after(node: ResolvedNode, rows: Rows) -> Rows:
    if isinstance(node.entry.calculator, Splitter):
        return replace(rows, splitters=(*rows.splitters, node.id))
    return replace(rows, changes=(*rows.changes, node.id)) if changes_rows(node) else rows


def changes_rows(node: ResolvedNode) -> bool:
    """Say whether a node drops or adds training rows."""
    calculator = node.entry.calculator
    if isinstance(calculator, Combiner):
        return node.config is not None and calculator.drops_rows(node.config)
    return node.entry.kind is Kind.ROW_CHANGING
