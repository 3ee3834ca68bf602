"""Everything that is wrong with a pipeline, found at once and without data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from skyulf_core.nodes.base import (
    Calculator,
    Combiner,
    ModelCalculator,
    NodeConfig,
    Resampler,
    Side,
    Splitter,
    TargetAwareCalculator,
)
from skyulf_core.nodes.registry import NodeEntry
from skyulf_core.pipeline.provenance import expected_makers
from skyulf_core.pipeline.resolve import Resolved, ResolvedNode, resolve
from skyulf_core.pipeline.wiring import SOURCE
from skyulf_core.problems import Problem, did_you_mean
from skyulf_core.schema import NUMBER_LIKE, TEMPORAL, TEXT, ColumnSchema, Schema

Schemas: TypeAlias = Schema | Mapping[str, Schema] | None
"""The schema of the data, or one per source."""


@dataclass(frozen=True)
class Validation:
    """All problems of a configuration, and the schema after each step.

    `schemas` has one entry per step; None where it cannot be known (no schema was given, or the step or one before it
    has problems). The features of the model are those of the last one. `nodes` are the same by the id of the node.
    """

    problems: list[Problem]
    schemas: list[Schema | None]
    nodes: Mapping[str, Schema | None] = field(default_factory=dict)

    @property
    def valid(self) -> bool:
        """Whether there is no problem."""
        return not self.problems


def validate_config(config: Mapping[str, object], schema: Schemas = None) -> Validation:
    """Check a configuration, and with a schema (one per source) also its columns; return ALL problems with pointers.

    >>> found = validate_config({"steps": [{"node": "Scalr"}, {"node": "Winsorize", "config": {"lower": 1}}]})
    >>> for problem in found.problems:
    ...     print(problem)
    /steps/0/node: There is no node 'Scalr'.
    /steps/1/config/lower: Winsorize has no parameter 'lower'. It has: columns, lower_percentile, upper_percentile.
    """
    return check_resolved(resolve(config), schema)


def validate(graph: Mapping[str, object], schemas: Schemas = None) -> Validation:
    """Check a graph without data: all problems at once, and the predicted schema at every node (`nodes`, by id).

    `schemas` is that of the data, or one per source; a source left out is not checked. Each problem names the node,
    the field, the reason and what to do.
    """
    return validate_config(graph, schemas)


def check_resolved(resolved: Resolved, schema: Schemas) -> Validation:
    """Check the columns of nodes that were resolved before."""
    given, problems = _given(resolved, schema)
    problems = [*resolved.problems, *problems]
    main, target = given.get(resolved.main_source), resolved.target
    if main is not None:
        problems += _target_problems(resolved, main, target)
    walk = _Walk(resolved, given)
    problems += walk.run()
    model = resolved.model
    features = walk.table(model.inputs[0]) if model is not None and model.inputs else None
    if model is not None and features is not None and main is not None:
        problems += _model_problems(model, features.schema, main)
    after = {placed.id: walk.table(placed.id) for placed in resolved.placed}
    nodes = {name: None if table is None else table.schema for name, table in after.items()}
    return Validation(problems, [nodes[placed.id] for placed in resolved.placed], nodes)


def _given(resolved: Resolved, schema: Schemas) -> tuple[dict[str, Schema], list[Problem]]:
    """Return the schemas by source."""
    names = resolved.sources or (SOURCE,)
    if isinstance(schema, Schema):
        if len(names) == 1:
            return {names[0]: schema}, []
        message = f"The graph has {len(names)} sources; give a schema for each: {', '.join(names)}."
        return {}, [Problem("/sources", message, "one-schema", field="sources")]
    if schema is not None and not resolved.sources and len(schema) == 1:
        return {SOURCE: next(iter(schema.values()))}, []
    unknown = [name for name in schema or () if name not in names]
    problems = [
        Problem(
            "/sources", f"There is a schema for {name!r}, which is no source.", "unknown-source", field="sources",
            suggestion=did_you_mean(name, names),
        )
        for name in unknown
    ]  # fmt: skip
    return {name: found for name, found in (schema or {}).items() if name in names}, problems


@dataclass(frozen=True)
class _Table:
    """What is known of a table: its columns, and who wrote each of them last."""

    schema: Schema
    makers: Mapping[str, str]


class _Walk:
    """Goes from the sources through all steps; None stands for a table of which nothing is known."""

    def __init__(self, resolved: Resolved, given: Mapping[str, Schema]) -> None:
        self._resolved, self._target = resolved, resolved.target
        self._merges = any(isinstance(step.entry.calculator, Combiner) for step in resolved.known_steps)
        self._tables: dict[str, _Table | None] = {}
        for name, schema in given.items():
            main = name == resolved.main_source and self._target is not None
            columns = schema.drop([self._target or ""]) if main else schema
            self._tables[name] = _Table(columns, dict.fromkeys(columns.names, name))

    def table(self, name: str) -> _Table | None:
        """Return what comes out of a node or source."""
        return self._tables.get(name)

    def run(self) -> list[Problem]:
        """Return the problems of all steps."""
        problems: list[Problem] = []
        for step, placed in zip(self._resolved.steps, self._resolved.placed, strict=True):
            found: list[Problem] = []
            table: _Table | None = None
            if step is not None and step.config is not None:
                inputs = [self._tables.get(name) for name in step.inputs]
                if isinstance(step.entry.calculator, Combiner):
                    found, table = self._combine(step, step.entry.calculator, inputs)
                elif inputs and inputs[0] is not None:
                    found, table = self._step(step, inputs[0])
            problems += found
            self._tables[placed.id] = table
        return problems

    def _step(self, step: ResolvedNode, before: _Table) -> tuple[list[Problem], _Table | None]:
        problems, schema = _check_step(step, before.schema, self._target)
        if schema is None:
            return problems, None
        if not self._merges or isinstance(step.entry.calculator, Splitter):
            return problems, _Table(schema, before.makers)
        tables = (before.schema, schema)
        return problems, _Table(schema, expected_makers(step.id, step.entry, step.parsed, tables, before.makers))

    def _combine(
        self,
        step: ResolvedNode,
        combiner: Combiner,  # type: ignore[type-arg]
        inputs: Sequence[_Table | None],
    ) -> tuple[list[Problem], _Table | None]:
        known = [table for table in inputs if table is not None]
        if len(known) < len(inputs) or not 2 <= len(inputs) <= (combiner.most_inputs or len(inputs)):
            return [], None
        sides = [Side(name, table.makers) for name, table in zip(step.inputs, known, strict=True)]
        schemas = [table.schema for table in known]
        found = combiner.check_inputs(schemas, step.parsed, sides=sides)
        problems = [_placed_problem(step, problem) for problem in found]
        schema = combiner.infer_schema(schemas, step.parsed, sides=sides)
        if self._target is not None and self._target in schema.names:
            message = f"{self._target!r} is the target, and this node brings a column of that name."
            hint = "Drop or rename it before."
            problems.append(
                Problem(f"{step.placed.pointer}/inputs", message, "target-as-feature", step.id, "inputs", hint)
            )
        owners = combiner.owners([table.schema.names for table in known], step.parsed, sides=sides)
        makers = {name: known[owners.get(name, 0)].makers.get(name, step.id) for name in schema.names}
        return problems, _Table(schema, makers)


def _target_problems(resolved: Resolved, schema: Schema, target: str | None) -> list[Problem]:
    splitter = resolved.splitter
    if splitter is None or splitter.config is None or target is None:
        return []
    calculator, pointer = splitter.entry.calculator, f"{splitter.placed.pointer}/config/target"
    column = schema.find(target)
    if column is None:
        message = f"There is no column {target!r} to predict."
        hint = did_you_mean(target, schema.names)
        return [Problem(pointer, message, "unknown-target", node=splitter.entry.name, field="target", suggestion=hint)]
    found = [_placed_problem(splitter, problem) for problem in calculator.check(schema, splitter.config)]
    model = resolved.model.entry.calculator if resolved.model else None
    if isinstance(model, ModelCalculator) and model.task == "regression" and column.dtype not in NUMBER_LIKE:
        message = f"The target {target!r} is {column.dtype}; a regression predicts numbers."
        found.append(
            Problem(pointer, message, "wrong-type", node=splitter.entry.name, field="target",
                    suggestion="Choose a classification model.")
        )  # fmt: skip
    return found


def _check_step(
    step: ResolvedNode | None, schema: Schema | None, target: str | None
) -> tuple[list[Problem], Schema | None]:
    """Return a step's problems with its columns, and the schema after it."""
    if step is None or step.config is None or schema is None:
        return [], None
    calculator = step.entry.calculator
    if isinstance(calculator, Splitter):
        return [], schema
    if not isinstance(calculator, Calculator | TargetAwareCalculator | Resampler):
        return [], None
    problems = _column_problems(step, step.config, schema, target)
    problems += [_placed_problem(step, problem) for problem in calculator.check(schema, step.config)]
    unique = {(problem.pointer, problem.code): problem for problem in reversed(problems)}
    return list(reversed(unique.values())), calculator.infer_schema(schema, step.config)


def _column_problems(step: ResolvedNode, config: NodeConfig, schema: Schema, target: str | None) -> list[Problem]:
    problems = []
    for pointer, name in config.named_columns():
        column = schema.find(name)
        if column is None:
            problems.append(_unknown_column(name, schema, target, pointer))
        elif column.dtype not in _accepted(step.entry):
            message = f"Column {name!r} is {column.dtype}; {step.entry.name} works on {_words(step.entry)} columns."
            problems.append(Problem(pointer, message, "wrong-type"))
    return [_placed_problem(step, problem) for problem in problems]


def _unknown_column(name: str, schema: Schema, target: str | None, pointer: str) -> Problem:
    if name == target:
        message = f"{name!r} is the target; nodes work on the other columns."
        return Problem(pointer, message, "target-as-feature", suggestion="Remove it.")
    message = f"There is no column {name!r} at this step."
    return Problem(pointer, message, "unknown-column", suggestion=did_you_mean(name, schema.names))


def _accepted(entry: NodeEntry) -> frozenset[str]:
    accepts = entry.calculator.accepts
    return NUMBER_LIKE | TEXT | TEMPORAL | {"time", "duration"} if accepts is None else accepts


def _words(entry: NodeEntry) -> str:
    return ", ".join(sorted(_accepted(entry)))


def _placed_problem(step: ResolvedNode, problem: Problem) -> Problem:
    """Return a problem whose pointer was relative to the node's config."""
    pointer = f"{step.placed.pointer}/config{problem.pointer}"
    name = problem.pointer.strip("/").split("/")[0] or None
    return Problem(pointer, problem.message, problem.code, step.entry.name, name, problem.suggestion)


def _model_problems(model: ResolvedNode, features: Schema, schema: Schema) -> list[Problem]:
    """Return what keeps the columns after the last step from being a model's features."""
    name, pointer = model.entry.name, model.placed.pointer
    if not len(features):
        return [Problem(pointer, "No column is left for the model to learn from.", "no-features", node=name)]
    problems = []
    for column in features:
        if column.dtype not in NUMBER_LIKE:
            message = f"Column {column.name!r} reaches the model as {column.dtype}; models work on numbers."
            problems.append(Problem(pointer, message, "wrong-type", node=name, suggestion=_remedy(column)))
    calculator = model.entry.calculator
    if isinstance(calculator, ModelCalculator) and not calculator.accepts_missing:
        nulls = [column.name for column in features if column.nullable and _had_nulls(column, schema)]
        for column_name in nulls:
            message = f"Column {column_name!r} reaches {name} with missing values, and it has no rule for them."
            hint = "Add a SimpleImputer, or choose a hist_gradient_boosting model."
            problems.append(Problem(pointer, message, "missing-values", node=name, suggestion=hint))
    return problems


def _had_nulls(column: ColumnSchema, schema: Schema) -> bool:
    """Say whether nulls of the data themselves remain; those that a step may make are found when it runs."""
    source = schema.find(column.name)
    return source is not None and source.nullable and column.dtype in NUMBER_LIKE


def _remedy(column: ColumnSchema) -> str:
    if column.dtype in TEXT:
        return "Encode it (OneHotEncoder, OrdinalEncoder, FrequencyEncoder), or drop it with DropColumns."
    return "Take it apart with DateParts." if column.dtype in TEMPORAL else "Drop it with DropColumns."
