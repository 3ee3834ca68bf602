"""The columns of every table of a graph, found without data, and what is wrong with them at each node."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from skyulf_core.data.frames import dtype_of
from skyulf_core.nodes.base import Calculator, NodeConfig, Resampler, Splitter, TargetAwareCalculator
from skyulf_core.nodes.combiner import Combiner, Side
from skyulf_core.nodes.registry import NodeEntry
from skyulf_core.pipeline.carried import carried_targets, encoded_after
from skyulf_core.pipeline.provenance import expected_makers
from skyulf_core.pipeline.resolved import Resolved, ResolvedNode
from skyulf_core.problems import DataError, Problem, nearest_column
from skyulf_core.schema import NUMBER_LIKE, TEMPORAL, TEXT, ColumnSchema, Schema


@dataclass(frozen=True)
class Table:
    """What is known of a table: its columns, and who wrote each of them last.

    `encoded` are columns that hold targets of other training rows. A table is `doubtful` where a node before it has
    problems: its columns are a guess, and there may be others, named as one of `perhaps` or by a name beginning so.
    """

    schema: Schema
    makers: Mapping[str, str]
    encoded: frozenset[str] = frozenset()
    doubtful: bool = False
    perhaps: frozenset[str] = frozenset()


_MOST_COLUMNS = 10_000
"""So many columns that are not there are told of one node."""
_TARGET, _WEIGHTS = "the target", "the weights of the rows"


def roles_of(resolved: Resolved) -> dict[str, str]:
    """Return what the columns of the main source are that no node works on."""
    named = ((resolved.weights, _WEIGHTS), (resolved.target, _TARGET))
    return {name: role for name, role in named if name is not None}


def _code_of(role: str) -> str:
    return "target-as-feature" if role == _TARGET else "weights-as-feature"


class Walk:
    """Goes from the sources through all steps; None stands for a table of which nothing is known."""

    def __init__(self, resolved: Resolved, given: Mapping[str, Schema]) -> None:
        self._resolved, self._apart = resolved, roles_of(resolved)
        self._merges = any(isinstance(step.entry.calculator, Combiner) for step in resolved.known_steps)
        self._tables: dict[str, Table | None] = {}
        for name, schema in given.items():
            columns = schema.drop(self._apart) if name == resolved.main_source else schema
            self._tables[name] = Table(columns, dict.fromkeys(columns.names, name))

    def table(self, name: str) -> Table | None:
        """Return what comes out of a node or source."""
        return self._tables.get(name)

    def check(self, step: ResolvedNode) -> list[Problem]:
        """Return what another configuration of a step has against the columns before it, once all steps have run."""
        before = self._tables.get(step.inputs[0]) if step.inputs else None
        if before is None or before.doubtful or isinstance(step.entry.calculator, Combiner):
            return []
        return _check_step(step, before, self._apart)[0]

    def run(self) -> list[Problem]:
        """Return the problems of all steps."""
        problems: list[Problem] = []
        for step, placed in zip(self._resolved.steps, self._resolved.placed, strict=True):
            found: list[Problem] = []
            table: Table | None = None
            if step is not None and (step.config or step.repaired) is not None:
                inputs = [self._tables.get(name) for name in step.inputs]
                whole = replace(step, config=step.config or step.repaired)
                if isinstance(step.entry.calculator, Combiner):
                    found, table = self._combine(whole, step.entry.calculator, inputs)
                elif inputs and inputs[0] is not None:
                    found, table = self._step(whole, inputs[0])
                if step.config is None and table is not None:
                    names = frozenset(name for before in inputs if before for name in before.schema.names)
                    table = replace(table, doubtful=True, perhaps=table.perhaps | names)
            problems += found
            self._tables[placed.id] = table
        return problems

    def _step(self, step: ResolvedNode, before: Table) -> tuple[list[Problem], Table | None]:
        problems, schema = _check_step(step, before, self._apart)
        if schema is None:
            return problems, None
        problems += carried_targets(step, before.encoded)
        if before.doubtful:
            problems = [problem for problem in problems if problem.code == "unknown-column"]
        after = replace(before, schema=schema, encoded=encoded_after(step, before.schema, schema, before.encoded))
        if not self._merges or isinstance(step.entry.calculator, Splitter):
            return problems, after
        tables = (before.schema, schema)
        return problems, replace(after, makers=expected_makers(step.id, step.entry, step.parsed, tables, before.makers))

    def _combine(
        self,
        step: ResolvedNode,
        combiner: Combiner,  # type: ignore[type-arg]
        inputs: Sequence[Table | None],
    ) -> tuple[list[Problem], Table | None]:
        known = [table for table in inputs if table is not None]
        if len(known) < len(inputs) or not 2 <= len(inputs) <= (combiner.most_inputs or len(inputs)):
            return [], None
        sides = [Side(name, table.makers) for name, table in zip(step.inputs, known, strict=True)]
        schemas = [table.schema for table in known]
        found = combiner.check_inputs(schemas, step.parsed, sides=sides)
        problems = [placed_problem(step, problem) for problem in found]
        schema = combiner.infer_schema(schemas, step.parsed, sides=sides)
        for column, role in self._apart.items():
            if column in schema.names:
                message = f"{column!r} is {role}, and this node brings a column of that name."
                hint, code = "Drop or rename it before.", _code_of(role)
                problems.append(Problem(f"{step.placed.pointer}/inputs", message, code, step.id, "inputs", hint))
        owners = combiner.owners([table.schema.names for table in known], step.parsed, sides=sides)
        makers = {name: known[owners.get(name, 0)].makers.get(name, step.id) for name in schema.names}
        encoded = frozenset[str]().union(*(table.encoded for table in known))
        perhaps = frozenset[str]().union(*(table.perhaps for table in known))
        return problems, Table(schema, makers, encoded, any(table.doubtful for table in known), perhaps)


def _check_step(step: ResolvedNode, before: Table, apart: Mapping[str, str]) -> tuple[list[Problem], Schema | None]:
    """Return a step's problems with its columns, and the schema after it."""
    calculator, config, schema = step.entry.calculator, step.parsed, before.schema
    if isinstance(calculator, Splitter):
        return [], schema
    if not isinstance(calculator, Calculator | TargetAwareCalculator | Resampler):
        return [], None
    schema = schema.settle(name for _, name in config.named_columns())
    problems = _column_problems(step, config, schema, apart, before.perhaps)
    problems += [placed_problem(step, problem) for problem in calculator.check(schema, config)]
    unique = {(problem.pointer, problem.code): problem for problem in reversed(problems)}
    return list(reversed(unique.values())), calculator.infer_schema(schema, config)


def _column_problems(
    step: ResolvedNode, config: NodeConfig, schema: Schema, apart: Mapping[str, str], perhaps: Collection[str]
) -> list[Problem]:
    problems, begun = [], tuple(perhaps)
    for pointer, name in config.named_columns():
        column = schema.find(name)
        if column is None and name.startswith(begun):
            continue
        if column is None:
            problems.append(_unknown_column(step.entry.name, name, schema, apart, pointer))
            if len(problems) == _MOST_COLUMNS:
                break
        elif column.dtype not in _accepted(step.entry):
            problems.append(Problem(pointer, f"Column {_type_fault(step.entry, column)}.", "wrong-type"))
    return [placed_problem(step, problem) for problem in problems]


def _unknown_column(node: str, name: str, schema: Schema, apart: Mapping[str, str], pointer: str) -> Problem:
    if name in apart:
        message = f"{name!r} is {apart[name]}; nodes work on the other columns."
        return Problem(pointer, message, _code_of(apart[name]), suggestion="Remove it.")
    message = f"{node} finds no column {name!r} at this step."
    return Problem(pointer, message, "unknown-column", suggestion=nearest_column(name, schema.names))


def _accepted(entry: NodeEntry) -> frozenset[str]:
    accepts = entry.calculator.accepts
    return NUMBER_LIKE | TEXT | TEMPORAL | {"time", "duration"} if accepts is None else accepts


def _type_fault(entry: NodeEntry, column: ColumnSchema) -> str:
    return f"{column.name!r} is {column.dtype}; {entry.name} works on {', '.join(sorted(_accepted(entry)))} columns"


def refuse_types(entry: NodeEntry, config: NodeConfig, known: pl.Schema) -> None:
    """Raise DataError for a column that a node names and whose type it does not work on.

    Most are found without data; not those behind a node that makes or leaves out columns by what it sees.
    """
    for _, name in config.named_columns():
        if name in known and (column := ColumnSchema(name, dtype_of(known[name]))).dtype not in _accepted(entry):
            raise DataError(f"column {_type_fault(entry, column)}", reason="wrong-type", column=name)


def placed_problem(step: ResolvedNode, problem: Problem) -> Problem:
    """Return a problem whose pointer was relative to the node's config."""
    pointer = f"{step.placed.pointer}/config{problem.pointer}"
    name = problem.pointer.strip("/").split("/")[0] or None
    return Problem(pointer, problem.message, problem.code, step.entry.name, name, problem.suggestion)
