"""TargetEncoder: the mean of the target, per category."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, cast

import numpy as np
import polars as pl
from pydantic import Field

from skyulf_core.nodes.base import Kind, Label, LazyApplier, NodeConfig, StreamingTargetAwareCalculator
from skyulf_core.nodes.columns import ColumnNames, chosen, chosen_lazy, columns_field, free_name
from skyulf_core.nodes.encoding.categories import ENCODABLE, place_of, value_at
from skyulf_core.nodes.encoding.targets import (
    Cells,
    Floats,
    Sums,
    Target,
    TargetType,
    folds_of,
    keys_of,
    statistics,
    strata,
    sums_of,
    target_of,
    values_of,
)
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.problems import DataError
from skyulf_core.schema import TEXT, ColumnSchema, Schema
from skyulf_core.serving.ops import Copy, Drop, Lookup, Op, Rename

_MOST_CLASSES = 1_000
_MOST_COLUMNS = 20_000


class TargetEncoderConfig(NodeConfig):
    """How much a category's mean is drawn to the mean of all rows, and the folds of the training rows."""

    columns: ColumnNames | None = columns_field("all text columns")
    smooth: Literal["auto"] | Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = Field(
        default="auto",
        title="Smoothing",
        description="The mean of all rows counts as so many rows of each category; auto: as the variances suggest.",
    )
    target_type: Literal["auto", "binary", "continuous", "multiclass"] = Field(
        default="auto",
        title="Target type",
        description="Auto: numbers with fractions are continuous, two values binary, more multiclass.",
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


class TargetEncoderApplier(LazyApplier):
    """Replaces a category by what training found for it."""

    def transform(self, frame: pl.LazyFrame, params: Params) -> pl.LazyFrame:
        """Return the query of the frame with the means at its end."""
        schema, means, keys = frame.collect_schema(), params.numbers("means"), params.lists("keys")
        columns, outputs = params.strings("columns"), params.lists("outputs")
        tables = cast("list[list[list[float]]]", params["values"])
        taken = {*schema.names(), *(str(name) for names in outputs for name in names)}
        places = [free_name(f"{name} place", taken) for name in columns]
        located = frame.with_columns(
            place_of(name, known, schema[name]).alias(place)
            for name, known, place in zip(columns, keys, places, strict=True)
        )
        return located.with_columns(
            value_at(pl.col(place), known, values, mean).alias(str(output))
            for place, known, table, names in zip(places, keys, tables, outputs, strict=True)
            for values, mean, output in zip(table, means, names, strict=True)
        ).drop(*columns, *places)

    def plan(self, params: Params) -> list[Op]:
        """Return lookups under the names of the outputs."""
        columns, keys, means = params.strings("columns"), params.lists("keys"), params.numbers("means")
        if not columns:
            return []
        tables = cast("list[list[list[float]]]", params["values"])
        outputs = tuple(str(name) for names in params.lists("outputs") for name in names)
        sources = tuple(name for name in columns for _ in means)
        lookup = Lookup(
            columns=outputs,
            keys=tuple(tuple(known) for known in keys for _ in means),
            values=tuple(tuple(values) for table in tables for values in table),
            default=tuple(means) * len(columns),
        )
        if len(means) == 1:
            return [Rename(columns=sources, to=outputs), lookup]
        return [Copy(columns=sources, outputs=outputs), lookup, Drop(columns=tuple(columns))]


@NodeRegistry.register("TargetEncoder", TargetEncoderApplier)
class TargetEncoderCalculator(StreamingTargetAwareCalculator[TargetEncoderConfig]):
    """Replace each category by the mean of the target among its rows, drawn to the mean of all rows.

    The encoded columns leave the frame; at its end come `<column>_target` (the mean of a continuous target, the share
    of the second label of a binary one), or for a multiclass target one column per class, `<column>_<class>`.
    Missing values are a category of their own; what training did not see gets the mean of all rows. Training rows are
    encoded by the other folds (cross-fitting), so that no row is encoded with its own target. All numbers are those
    of scikit-learn's TargetEncoder: `transform` for new rows, `fit_transform` with the same seed for training rows.
    Behind a node that repeats training rows or makes others after them (Oversampling, Undersampling with replacement)
    it is refused: they would lie in other folds, and a row's own target would come back.

    >>> data = pl.DataFrame({"city": ["Oslo", "Oslo", "Rome", "Rome"]})
    >>> target = pl.Series("price", [1.0, 2.0, 4.0, 4.5])
    >>> params = TargetEncoderCalculator().fit(data, target, TargetEncoderConfig(smooth=0))
    >>> TargetEncoderApplier().apply(pl.DataFrame({"city": ["Oslo", "Rome", "Bern"]}), params).to_dict(as_series=False)
    {'city_target': [1.5, 4.25, 2.875]}

    >>> TargetEncoderCalculator().fit(data, target, TargetEncoderConfig(target_type="binary"))
    Traceback (most recent call last):
    skyulf_core.problems.DataError: the target 'price' holds fractions; choose target_type 'continuous' or make \
classes of it
    """

    family = "encoding"
    kind = Kind.TARGET_AWARE
    keywords = ("category", "target", "mean", "likelihood", "high cardinality", "cross-fitting")
    examples = (
        {},
        {"columns": ["plan", "city", "count", "flag"], "smooth": 10.0, "cv": 3},
        {"columns": ["plan"], "smooth": 0.0, "target_type": "multiclass", "shuffle": False},
        {"columns": []},
    )
    accepts = ENCODABLE
    reference = "sklearn.preprocessing.TargetEncoder"

    def learn(self, frame: pl.LazyFrame, target: str, config: TargetEncoderConfig) -> Params:
        """Learn the means of all columns in one query, after one for the kind of the target."""
        columns = chosen_lazy(frame.drop(target), config.columns, TEXT)
        known = target_of(frame, target, config.target_type, most=_MOST_CLASSES)
        outputs = _outputs(columns, known, set(frame.collect_schema().names()))
        tables = statistics(frame, known, columns)
        learned = [_learned(table, len(outputs[0]), config) for table in tables]
        if not all(np.isfinite(values).all() for found in learned for values, _ in found):
            raise DataError(f"the target {target!r} holds too large values", reason="not-finite", column=target)
        return Params(
            columns=columns,
            outputs=outputs,
            keys=[keys_of(table) for table in tables],
            values=[[values.tolist() for values, _ in found] for found in learned],
            means=[mean for _, mean in learned[0]] if learned else [],
            target_type=known.type,
            labels=list(known.labels),
        )

    def training_rows(
        self, data: pl.DataFrame, target: pl.Series, config: TargetEncoderConfig, params: Params
    ) -> pl.DataFrame | None:
        """Return the training rows, each encoded with the targets of the other folds."""
        columns = params.strings("columns")
        if not columns:
            return None
        labels = cast("tuple[Label, ...]", tuple(params.scalars("labels")))
        known = Target(target.name, target.dtype, cast("TargetType", params.text("target_type")), labels)
        values = list(values_of(target, known))
        folds = folds_of(
            strata(values, known), config.cv, stratified=known.type != "continuous", shuffle=config.shuffle,
            random_state=config.random_state,
        )  # fmt: skip
        written = []
        for name, keys, names in zip(columns, params.lists("keys"), params.lists("outputs"), strict=True):
            cells = Cells.of(data, name, keys, folds)
            for each, output in zip(values, names, strict=True):
                shift = float(each.mean()) if known.type == "continuous" else 0.0
                found = _encodings(cells.sums(each - shift).others(), config.smooth)[0] + shift
                written.append(cells.take(found).alias(str(output)))
        return data.drop(columns).with_columns(written)

    def infer_schema(self, schema: Schema, config: TargetEncoderConfig) -> Schema:
        """Return the schema with floats at its end: one per column, or a family where classes may be many."""
        columns, taken = chosen(config.columns, schema, TEXT), set(schema.names)
        single = config.target_type in ("binary", "continuous")
        return schema.drop(columns).append(
            ColumnSchema(free_name(f"{name}_target", taken), "float", nullable=False)
            if single
            else ColumnSchema(f"{name}_*", "float", nullable=False, family=True)
            for name in columns
        )


def _outputs(columns: Sequence[str], target: Target, taken: set[str]) -> list[list[str]]:
    endings = ["target"] if target.type != "multiclass" else [_label(label) for label in target.labels]
    if len(columns) * len(endings) > _MOST_COLUMNS:
        raise DataError(
            f"{len(columns)} columns by {len(endings)} classes are more than {_MOST_COLUMNS}; name fewer columns",
            reason="too-many-columns",
        )
    return [[free_name(f"{name}_{ending}", taken) for ending in endings] for name in columns]


def _label(label: Label) -> str:
    if isinstance(label, bool):
        return str(label).lower()
    return str(int(label)) if isinstance(label, float) else str(label)


def _learned(table: pl.DataFrame, count: int, config: TargetEncoderConfig) -> list[tuple[Floats, float]]:
    """Return, per output, the encodings of all categories and the mean of all rows."""
    found = []
    for index in range(count):
        plain = sums_of(table, index, 0.0).total()
        shift = float(plain.sums / plain.rows) if plain.rows else 0.0
        encoded, mean = _encodings(sums_of(table, index, shift), config.smooth)
        found.append((encoded + shift, float(mean + shift)))
    return found


def _encodings(sums: Sums, smooth: float | Literal["auto"]) -> tuple[Floats, Floats]:
    """Return the encodings of categories and the mean of all rows (of each fold, where there are folds)."""
    total = sums.total()
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = total.sums / total.rows
        if smooth != "auto":
            found = (sums.sums + smooth * mean) / (sums.rows + smooth)
            return np.where(np.isnan(found), mean, found), mean
        variance = total.squares / total.rows - mean * mean
        means = sums.sums / sums.rows
        within = np.maximum(sums.squares / sums.rows - means * means, 0.0)
        weight = variance * sums.rows / (variance * sums.rows + within)
        return np.where(np.isnan(weight), mean, weight * means + (1.0 - weight) * mean), mean
