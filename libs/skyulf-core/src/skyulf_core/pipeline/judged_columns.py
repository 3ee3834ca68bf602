"""What the columns of the data say of a target, of weights and of folds, before there are any rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from skyulf_core.nodes.base import UNSUPERVISED, ModelCalculator
from skyulf_core.nodes.combiner import Combiner
from skyulf_core.pipeline.resolved import Resolved
from skyulf_core.problems import Problem, nearest_column
from skyulf_core.schema import NUMERIC, TEMPORAL, Schema


def missing_value_problems(resolved: Resolved, schema: Schema) -> Iterator[Problem]:
    """Yield a problem for a target and for weights that hold nulls. Training itself says in how many rows."""
    if any(isinstance(step.entry.calculator, Combiner) for step in resolved.known_steps):
        return  # a join may leave those rows out
    splitter, model = resolved.splitter, resolved.model
    target = None if resolved.target is None else schema.find(resolved.target)
    task = model.entry.calculator.task if model and isinstance(model.entry.calculator, ModelCalculator) else None
    dropped = splitter is not None and bool(getattr(splitter.config, "drop_missing_target", False))
    if splitter is not None and target is not None and target.nullable and task not in UNSUPERVISED and not dropped:
        message = f"The target {target.name!r} holds missing values."
        hint = "Fill or remove them, or set drop_missing_target."
        at, name = f"{splitter.placed.pointer}/config/target", splitter.entry.name
        yield Problem(at, message, "null-target", name, "target", hint)
    weights = None if resolved.weights is None else schema.find(resolved.weights)
    if model is not None and weights is not None and weights.nullable and weights.dtype in NUMERIC:
        message = f"The weights {weights.name!r} hold missing values."
        hint = "Fill them in (1: as the others)."
        yield Problem(f"{model.placed.pointer}/weights", message, "missing-weights", model.entry.name, "weights", hint)


def fold_column_problems(resolved: Resolved, schema: Schema) -> Iterator[Problem]:
    """Yield what is wrong with the columns that folds go by, wherever a configuration writes folds."""
    auto = resolved.auto
    written = (
        ("/tuning/cv", resolved.tuning.config.cv if resolved.tuning else None),
        ("/validation/cv", resolved.validation.config.cv if resolved.validation else None),
        (f"{auto.placed.pointer}/config/cv" if auto else "", auto.config.cv if auto else None),
    )
    for pointer, folds in written:
        for place, mode in _flat(pointer, folds):
            for key in ("group", "by"):
                if isinstance(mode.get(key), str):
                    yield from _column_problems(resolved, schema, f"{place}/{key}", mode)


def _flat(pointer: str, folds: object) -> Iterator[tuple[str, Mapping[str, object]]]:
    if isinstance(folds, Mapping):
        yield pointer, folds
        for part in ("outer", "inner"):
            yield from _flat(f"{pointer}/{part}", folds.get(part))


def _column_problems(resolved: Resolved, schema: Schema, pointer: str, mode: Mapping[str, object]) -> Iterator[Problem]:
    key = pointer.rpartition("/")[2]
    name, kind = str(mode[key]), mode.get("type")
    column = schema.find(name)
    if column is None:
        message, hint = f"{kind} finds no column {name!r} in the data.", nearest_column(name, schema.names)
        yield Problem(pointer, message, "unknown-column", field=key, suggestion=hint)
    elif name in resolved.set_apart:
        what = "is the target" if name == resolved.target else "holds the weights of the rows"
        message = f"{name!r} {what}; {kind} goes by another column."
        yield Problem(pointer, message, "target-as-group", field=key, suggestion="Name another column.")
    elif key == "by" and column.dtype not in NUMERIC | TEMPORAL:
        message = f"Column {name!r} is {column.dtype}; {kind} goes by dates or numbers."
        yield Problem(pointer, message, "wrong-type", field=key, suggestion="Make a date of it before (Casting).")
