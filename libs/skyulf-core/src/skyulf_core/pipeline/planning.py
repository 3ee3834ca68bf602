"""The serving plan of a graph: all branches in one set of columns, each under names of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from skyulf_core.fitted import FittedPipeline, FittedStep
from skyulf_core.nodes.base import Applier
from skyulf_core.nodes.combiner import CombinerApplier
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.pipeline.flow import live_wiring, main_source
from skyulf_core.pipeline.wiring import readers_of
from skyulf_core.serving.ops import Copy, Drop, Op, Select


@dataclass(frozen=True)
class Names:
    """How the columns of one table are called in the plan: as `known` says, else with a prefix."""

    prefix: str = ""
    known: Mapping[str, str] | None = None

    def __call__(self, name: str) -> str:
        """Return a column's name in the plan."""
        return (self.known or {}).get(name) or self.prefix + name


def graph_ops(fitted: FittedPipeline) -> tuple[list[Op], Names]:
    """Return the operations of a graph before its model, and the names of the columns that come out."""
    return _Planner(fitted).run()


class _Planner:
    """Goes through the steps once. `_tables` holds, per reader and what it reads, the names that are meant for it."""

    def __init__(self, fitted: FittedPipeline) -> None:
        self._steps = fitted.steps
        self._live = live_wiring(fitted)
        self._readers = readers_of(self._live)
        self._ops: list[Op] = []
        self._prefixes: list[str] = []
        self._tables: dict[tuple[str, str], Names] = {}
        self._source, self._inputs = main_source(self._live), tuple(fitted.input_schema.names)
        self._columns = {*self._inputs, *(name for step in fitted.steps for name in step.columns or ())}

    def run(self) -> tuple[list[Op], Names]:
        names = Names()
        self._hand_out(self._source, names, self._inputs)
        for step in self._steps:
            if step.id in self._live:
                names = self._after(step)
                self._hand_out(step.id, names, step.columns or ())
        return self._ops, names

    def _after(self, step: FittedStep) -> Names:
        applier = NodeRegistry.get(step.node).applier
        tables = [self._tables.pop((step.id, name)) for name in self._live[step.id]]
        names = tables[0]
        if isinstance(applier, CombinerApplier):
            if len(tables) > 1:
                names = self._side_by_side(step, applier.owners(step.params), tables)
            self._add(applier.plan(step.params), names)
        elif isinstance(applier, Applier):
            self._add(applier.plan(step.params), names)
        return names

    def _side_by_side(self, step: FittedStep, owners: Mapping[str, int], tables: Sequence[Names]) -> Names:
        return Names(
            self._free_prefix(step.id), {name: tables[owners.get(name, 0)](name) for name in step.columns or ()}
        )

    def _add(self, ops: Iterable[Op], names: Names) -> None:
        # columns that a branch leaves out stay, and nothing reads them: those of other branches must stay too
        self._ops += [op.renamed(names) for op in ops if not isinstance(op, Select | Drop)]

    def _hand_out(self, name: str, names: Names, columns: Sequence[str]) -> None:
        """Give each reader a table to change: the first the one there is, the others copies."""
        for position, reader in enumerate(self._readers.get(name, ())):
            if position == 0:
                self._tables[reader, name] = names
                continue
            copy = Names(self._free_prefix(reader))
            self._ops.append(Copy(tuple(map(names, columns)), tuple(map(copy, columns))))
            self._tables[reader, name] = copy

    def _free_prefix(self, name: str) -> str:
        """Return a prefix that no column starts with, nor another prefix, nor the other way round."""
        prefix, number = f"{name}:", 2
        while any(one.startswith(prefix) for one in self._columns) or any(
            one.startswith(prefix) or prefix.startswith(one) for one in self._prefixes
        ):
            prefix, number = f"{name}:{number}:", number + 1
        self._prefixes.append(prefix)
        return prefix
