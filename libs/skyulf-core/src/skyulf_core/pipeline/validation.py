"""Everything that is wrong with a pipeline, found at once and without data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from skyulf_core.nodes.base import (
    ModelCalculator,
)
from skyulf_core.pipeline.judged_columns import fold_column_problems, missing_value_problems
from skyulf_core.pipeline.resolve import Resolved, ResolvedNode, resolve
from skyulf_core.pipeline.walk import Walk, placed_problem
from skyulf_core.pipeline.weighing import weight_column_problems
from skyulf_core.pipeline.wiring import SOURCE
from skyulf_core.problems import Problem, did_you_mean, few_guesses, nearest_column
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
    /steps/0/node: There is no node 'Scalr'. `skyulf nodes` lists those that there are.
    /steps/1/config/lower: Winsorize has no parameter 'lower'. It has: columns, lower_percentile, upper_percentile.
    """
    with few_guesses():
        return validate_resolved(resolve(config), schema)


def validate_resolved(resolved: Resolved, schema: Schemas = None) -> Validation:
    """Do the same for a configuration that was resolved before."""
    found = check_resolved(resolved, schema)
    main = _given(resolved, schema)[0].get(resolved.main_source)
    missing = [] if main is None else list(missing_value_problems(resolved, main))
    return replace(found, problems=[*found.problems, *missing])


def validate(graph: Mapping[str, object], schemas: Schemas = None) -> Validation:
    """Check a graph without data: all problems at once, and the predicted schema at every node (`nodes`, by id).

    `schemas` is that of the data, or one per source; a source left out is not checked. Each problem names the node,
    the field, the reason and what to do.
    """
    return validate_config(graph, schemas)


def check_resolved(resolved: Resolved, schema: Schemas) -> Validation:
    """Check the columns of nodes that were resolved before."""
    with few_guesses():
        return _checked(resolved, schema)


def _checked(resolved: Resolved, schema: Schemas) -> Validation:
    given, problems = _given(resolved, schema)
    problems = [*resolved.problems, *problems]
    main, target = given.get(resolved.main_source), resolved.target
    if main is not None:
        problems += _target_problems(resolved, main, target)
        problems += weight_column_problems(resolved, main)
        problems += fold_column_problems(resolved, main)
    walk = Walk(resolved, given)
    problems += walk.run()
    if resolved.tuning is not None:
        from skyulf_core.tuning.columns import searched_column_problems  # above this layer, as tuning is

        problems += searched_column_problems(resolved.tuning.space, resolved, walk)
    model = resolved.model
    features = walk.table(model.inputs[0]) if model is not None and model.inputs else None
    if model is not None and features is not None and main is not None and not features.doubtful:
        problems += _model_problems(model, features.schema, main)
    if resolved.auto is not None:
        from skyulf_core.automl.checks import auto_problems  # above this layer, and only who searches needs it

        after_steps = walk.table(resolved.auto.placed.inputs[0]) if resolved.auto.placed.inputs else None
        known = None if after_steps is None or after_steps.doubtful else after_steps.schema
        goal = None if main is None or target is None else main.find(target)
        problems += auto_problems(resolved.auto, goal, known)
    after = {placed.id: walk.table(placed.id) for placed in resolved.placed}
    nodes = {name: None if table is None or table.doubtful else table.schema for name, table in after.items()}
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


def _target_problems(resolved: Resolved, schema: Schema, target: str | None) -> list[Problem]:
    splitter = resolved.splitter
    if splitter is None or splitter.config is None or target is None:
        return []
    calculator, pointer = splitter.entry.calculator, f"{splitter.placed.pointer}/config/target"
    column = schema.find(target)
    if column is None:
        message = f"There is no column {target!r} to predict."
        hint = nearest_column(target, schema.names)
        return [Problem(pointer, message, "unknown-target", node=splitter.entry.name, field="target", suggestion=hint)]
    found = [placed_problem(splitter, problem) for problem in calculator.check(schema, splitter.config)]
    model = resolved.model.entry.calculator if resolved.model else None
    if isinstance(model, ModelCalculator) and model.task == "regression" and column.dtype not in NUMBER_LIKE:
        message = f"The target {target!r} is {column.dtype}; a regression predicts numbers."
        found.append(
            Problem(pointer, message, "wrong-type", node=splitter.entry.name, field="target",
                    suggestion="Choose a classification model.")
        )  # fmt: skip
    return found


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
    if (
        isinstance(calculator, ModelCalculator)
        and model.config is not None
        and not calculator.takes_missing(model.config)
    ):
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
