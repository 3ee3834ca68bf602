"""Everything that is wrong with a pipeline, found at once and without data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from skyulf_core.nodes.base import Calculator, ModelCalculator, NodeConfig, Resampler, Splitter, TargetAwareCalculator
from skyulf_core.nodes.registry import NodeEntry
from skyulf_core.pipeline.resolve import Resolved, ResolvedNode, resolve
from skyulf_core.problems import Problem, did_you_mean
from skyulf_core.schema import NUMBER_LIKE, TEMPORAL, TEXT, ColumnSchema, Schema


@dataclass(frozen=True)
class Validation:
    """All problems of a configuration, and the schema after each step.

    `schemas` has one entry per step; None where it cannot be known (no schema was given, or the step or one before it
    has problems). The features of the model are those of the last one.
    """

    problems: list[Problem]
    schemas: list[Schema | None]

    @property
    def valid(self) -> bool:
        """Whether there is no problem."""
        return not self.problems


def validate_config(config: Mapping[str, object], schema: Schema | None = None) -> Validation:
    """Check a configuration, and with a schema also its columns; return ALL problems with pointers.

    >>> found = validate_config({"steps": [{"node": "Scalr"}, {"node": "Winsorize", "config": {"lower": 1}}]})
    >>> for problem in found.problems:
    ...     print(problem)
    /steps/0/node: There is no node 'Scalr'.
    /steps/1/config/lower: Winsorize has no parameter 'lower'. It has: columns, lower_percentile, upper_percentile.
    """
    return check_resolved(resolve(config), schema)


def check_resolved(resolved: Resolved, schema: Schema | None) -> Validation:
    """Check the columns of nodes that were resolved before."""
    problems = list(resolved.problems)
    if schema is None:
        return Validation(problems, [None] * len(resolved.steps))
    target = resolved.target
    problems += _target_problems(resolved, schema, target)
    current: Schema | None = schema if target is None else schema.drop([target])
    schemas: list[Schema | None] = []
    for step in resolved.steps:
        found, current = _check_step(step, current, target)
        problems += found
        schemas.append(current)
    if resolved.model is not None and current is not None:
        problems += _model_problems(resolved.model, current, schema)
    return Validation(problems, schemas)


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
