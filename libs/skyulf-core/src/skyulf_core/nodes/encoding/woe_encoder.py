"""WOEEncoder: the weight of evidence of each category."""

from __future__ import annotations

from typing import cast

import numpy as np
import polars as pl
from pydantic import Field, StrictBool, StrictInt, StrictStr

from skyulf_core.nodes.base import Kind, Label, LazyApplier, NodeConfig, StreamingTargetAwareCalculator
from skyulf_core.nodes.columns import ColumnNames, chosen, chosen_lazy, columns_field
from skyulf_core.nodes.encoding.categories import ENCODABLE, value_of
from skyulf_core.nodes.encoding.targets import (
    Cells,
    Floats,
    Sums,
    Target,
    folds_of,
    keys_of,
    labels_of,
    statistics,
    sums_of,
    values_of,
)
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.problems import DataError
from skyulf_core.schema import TEXT, Schema
from skyulf_core.serving.ops import Lookup, Op


class WOEEncoderConfig(NodeConfig):
    """What an event is, how much is added against zeros, and the folds of the training rows."""

    columns: ColumnNames | None = columns_field("all text columns")
    pos_label: StrictBool | StrictInt | StrictStr | None = Field(
        default=None,
        title="Event",
        description="The target's label that counts as the event. Left out: the second of two labels in sorted order.",
    )
    regularization: float = Field(
        default=1.0,
        gt=0.0,
        allow_inf_nan=False,
        title="Regularization",
        description="Added to the events and the other rows of every category, so that none is zero.",
    )
    cv: int = Field(
        default=5, ge=2, le=100, title="Folds", description="Training rows are encoded with the other folds' targets."
    )
    shuffle: bool = Field(default=True, title="Shuffle", description="Draw the folds at random, not in row order.")
    random_state: int = Field(
        default=0,
        ge=0,
        lt=2**32,
        title="Seed",
        description="The same number draws the same folds.",
        json_schema_extra={"x-visible-if": {"shuffle": True}},
    )


class WOEEncoderApplier(LazyApplier):
    """Replaces a category by its weight of evidence."""

    def transform(self, frame: pl.LazyFrame, params: Params) -> pl.LazyFrame:
        """Return the query of the weights as floats."""
        schema = frame.collect_schema()
        tables = zip(params.strings("columns"), params.lists("keys"), params.lists("values"), strict=True)
        return frame.with_columns(
            value_of(name, keys, cast("list[float]", values), 0.0, schema[name]) for name, keys, values in tables
        )

    def plan(self, params: Params) -> list[Op]:
        """Return one lookup operation."""
        columns = tuple(params.strings("columns"))
        return [
            Lookup(
                columns=columns,
                keys=tuple(tuple(keys) for keys in params.lists("keys")),
                values=tuple(tuple(values) for values in params.lists("values")),
                default=(0.0,) * len(columns),
            )
        ]


@NodeRegistry.register("WOEEncoder", WOEEncoderApplier)
class WOEEncoderCalculator(StreamingTargetAwareCalculator[WOEEncoderConfig]):
    """Replace each category by its weight of evidence for one label of the target.

    The weight is ln(share of the events that are in the category / share of the other rows that are), with
    `regularization` added to both counts and twice of it to both totals; a category of one row only, and one that
    training did not see, weighs 0. Missing values are a category of their own. All as category_encoders.WOEEncoder
    has it for new rows; training rows are encoded by the other folds, so that no row is encoded with its own target.
    Behind a node that repeats training rows or makes others after them (Oversampling, Undersampling with replacement)
    it is refused: they would lie in other folds, and a row's own target would come back.

    What is learned holds `information_values`, one number per column: the sum over its categories of (share of
    events - share of other rows) times the weight. By custom below 0.02 a column says nothing, above 0.3 it is strong.

    >>> data = pl.DataFrame({"plan": ["basic", "basic", "basic", "pro", "pro", "pro"]})
    >>> left = pl.Series("left", [True, True, False, False, False, False])
    >>> params = WOEEncoderCalculator().fit(data, left, WOEEncoderConfig())
    >>> WOEEncoderApplier().apply(pl.DataFrame({"plan": ["basic", "pro", "new"]}), params)["plan"].round(3).to_list()
    [0.811, -0.981, 0.0]
    >>> [round(value, 3) for value in params["information_values"]]
    [0.747]

    >>> WOEEncoderCalculator().fit(data, pl.Series("size", ["s", "m", "l"] * 2), WOEEncoderConfig())
    Traceback (most recent call last):
    skyulf_core.problems.DataError: the target 'size' has 3 labels; name the one that counts as the event in pos_label
    """

    family = "encoding"
    kind = Kind.TARGET_AWARE
    keywords = ("category", "weight of evidence", "woe", "information value", "scorecard", "binary")
    examples = (
        {"pos_label": "high"},
        {"columns": ["plan", "city", "count", "flag"], "pos_label": "low", "regularization": 0.5, "cv": 3},
        {"columns": ["plan"], "pos_label": "mid", "shuffle": False},
        {"columns": [], "pos_label": "high"},
    )
    accepts = ENCODABLE
    reference = "category_encoders.WOEEncoder"

    def learn(self, frame: pl.LazyFrame, target: str, config: WOEEncoderConfig) -> Params:
        """Learn the weights of all columns in one query, after one for the labels of the target."""
        columns = chosen_lazy(frame.drop(target), config.columns, TEXT)
        known = _event(labels_of(frame, target), config.pos_label)
        tables = statistics(frame, known, columns)
        learned = [_weights(sums_of(table, 0, 0.0), config.regularization) for table in tables]
        return Params(
            columns=columns,
            keys=[keys_of(table) for table in tables],
            values=[weights.tolist() for weights, _ in learned],
            information_values=[float(value) for _, value in learned],
            event=list(known.counted()),
        )

    def training_rows(
        self, data: pl.DataFrame, target: pl.Series, config: WOEEncoderConfig, params: Params
    ) -> pl.DataFrame | None:
        """Return the training rows, each encoded with the targets of the other folds."""
        event = cast("tuple[Label, ...]", tuple(params.scalars("event")))
        known = Target(target.name, target.dtype, "multiclass", event)
        (values,) = values_of(target, known)
        folds = folds_of(values, config.cv, stratified=True, shuffle=config.shuffle, random_state=config.random_state)
        written = []
        for name, keys in zip(params.strings("columns"), params.lists("keys"), strict=True):
            cells = Cells.of(data, name, keys, folds)
            weights, _ = _weights(cells.sums(values).others(), config.regularization)
            written.append(cells.take(weights).alias(name))
        return data.with_columns(written)

    def infer_schema(self, schema: Schema, config: WOEEncoderConfig) -> Schema:
        """Return the schema with floats in the chosen columns."""
        return schema.change(chosen(config.columns, schema, TEXT), dtype="float", nullable=False)


def _event(labels: pl.Series, wanted: Label | None) -> Target:
    """Return the target with the event as its only label. Raises DataError where there is no such label."""
    name, known = labels.name, cast("list[Label]", labels.to_list())
    if wanted is None and len(known) != 2:
        raise DataError(
            f"the target {name!r} has {len(known)} labels; name the one that counts as the event in pos_label",
            reason="not-binary",
            column=name,
        )
    if wanted is not None and wanted not in known:
        shown = ", ".join(repr(label) for label in known[:5]) + (", …" if len(known) > 5 else "")
        raise DataError(
            f"pos_label {wanted!r} is none of the labels of the target {name!r}: {shown}",
            reason="unknown-label",
            column=name,
        )
    event = known[1] if wanted is None else known[known.index(wanted)]
    return Target(name, labels.dtype, "multiclass", (event,))


def _weights(sums: Sums, regularization: float) -> tuple[Floats, Floats]:
    """Return the weights of the categories, and the information value (per fold, where there are folds)."""
    total = sums.total()
    events = (sums.sums + regularization) / (total.sums + 2.0 * regularization)
    others = (sums.rows - sums.sums + regularization) / (total.rows - total.sums + 2.0 * regularization)
    weights = np.where(sums.rows <= 1.0, 0.0, np.log(events / others))
    return weights, ((events - others) * weights).sum(axis=0)
