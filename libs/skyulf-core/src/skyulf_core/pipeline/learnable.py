"""What can be said of rows as soon as they are divided, before anything is learned from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import polars as pl

from skyulf_core.data.splits import Split, SplitDataset
from skyulf_core.nodes.base import Kind, Label, ModelCalculator, NodeConfig
from skyulf_core.nodes.combiner import Combiner
from skyulf_core.pipeline.resolved import Resolved, ResolvedNode
from skyulf_core.pipeline.targets import classes_of
from skyulf_core.problems import DataError

_MOST_NAMED = 5


def check_learnable_rows(splits: SplitDataset, resolved: Resolved) -> None:
    """Raise DataError for a target that teaches nothing, held-out labels that are unknown, and constant features.

    All of it would show when everything has been learned; a search for parameters may take hours until then.
    """
    model, train = resolved.model, splits.train
    task = None if model is None else getattr(model.entry.calculator, "task", None)
    if task not in ("classification", "regression") or train.target is None or len(train) < 2:
        return
    _check_varies(train, train.target)
    if task == "classification":
        classes = classes_of(train.target)
        in_codes(cast("ResolvedNode", model), classes, known=classes)
        for part, what in ((splits.test, "test"), (splits.validation, "validation")):
            if part is not None and part.target is not None and len(part):
                _check_labels(train.target, part.target, what)
    if not any(_brings_in(step) for step in resolved.known_steps):
        check_features_vary(train.features)


def in_codes(model: ResolvedNode, classes: Sequence[Label], *, known: Sequence[Label]) -> NodeConfig:
    """Return a classifier's configuration with codes for labels. Raises DataError for a label that is not known."""
    calculator = cast("ModelCalculator[NodeConfig]", model.entry.calculator)
    return calculator.for_classes(model.parsed, classes, known=known, node=model.entry.name)


def _brings_in(step: ResolvedNode) -> bool:
    """Say whether a node makes rows differ that were the same: by those before them, or by those of another table."""
    return step.entry.kind is Kind.HISTORY or isinstance(step.entry.calculator, Combiner)


def check_features_vary(features: pl.DataFrame) -> None:
    """Raise DataError where every column has the same value in all rows: whatever is learned then is one answer."""
    if features.height < 2 or not features.width or any(map(_varies, features.iter_columns())):
        return
    named = ", ".join(map(repr, features.columns[:_MOST_NAMED])) + (", …" if features.width > _MOST_NAMED else "")
    message = (
        f"every column ({named}) has the same value in all {features.height:,} training rows, so nothing can be "
        "learned from them; add columns that differ from row to row"
    )
    raise DataError(message, reason="constant-features")


def _varies(column: pl.Series) -> bool:
    if column.dtype.is_nested() or column.dtype == pl.Object:
        return True  # whether their values differ no model sees, only the steps that take them apart
    return bool(column.ne_missing(column.first()).any())


def _check_varies(train: Split, target: pl.Series) -> None:
    known = target.drop_nulls()
    if train.weights is not None:
        known = target.filter((train.weights > 0) & target.is_not_null())
    if len(known) and bool((known == known.first()).all()):
        where = "training row" if train.weights is None else f"training row that {train.weights.name!r} gives a weight"
        hint = "stratify the split, or take more rows" if train.weights is None else "weigh rows of others above 0"
        message = f"the target {target.name!r} is {known.first()!r} in every {where}; there is nothing to learn: {hint}"
        raise DataError(message, reason="constant-target", column=target.name)


def _check_labels(train: pl.Series, held: pl.Series, what: str) -> None:
    unseen = held.filter(held.is_not_null() & ~held.is_in(train.unique().implode()))
    if not len(unseen):
        return
    rows = "1 row has" if len(unseen) == 1 else f"{len(unseen):,} rows have"
    message = (
        f"{what}: {rows} a label that no training row has, as {unseen.first()!r}; stratify the split, or remove "
        "classes with very few rows"
    )
    raise DataError(message, reason="unseen-class", column=held.name)
