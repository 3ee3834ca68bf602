"""What the reducing nodes share: their fields, an applier that projects, names of what comes out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from skyulf_core.data.frames import require_columns
from skyulf_core.nodes.base import Applier, NodeConfig
from skyulf_core.nodes.columns import ColumnNames, chosen, chosen_from, columns_field, free_name
from skyulf_core.nodes.matrix import Matrix, in_stated_order, matrix_of, refuse_nulls
from skyulf_core.params import Params
from skyulf_core.problems import DataError
from skyulf_core.schema import NUMERIC, ColumnSchema, Schema
from skyulf_core.serving.ops import Columns, Op, OpError, Project

_CHUNK = 50_000
MOST_COLUMNS = 5_000


class ReductionConfig(NodeConfig):
    """Fields that all reducing nodes have."""

    columns: ColumnNames | None = columns_field("all integer and float columns")
    drop_original: bool = Field(default=True, title="Drop original", description="Leave out the columns it is made of.")


def prefix_field(prefix: str) -> str:
    """Return the field `prefix` of a reducing node."""
    field: str = Field(
        default=prefix,
        min_length=1,
        max_length=60,
        pattern=r"^[^*^$]+$",
        title="Prefix",
        description=f"Names are `{prefix}_1`, `{prefix}_2`, … with this in front.",
    )
    return field


class ProjectionApplier(Applier):
    """Sums columns with the plan's own operation, so that library and serving cannot differ."""

    def apply(self, data: pl.DataFrame, params: Params) -> pl.DataFrame:
        """Return the frame with the new columns at its end. Raises DataError where a value is missing."""
        names, outputs = params.strings("columns"), params.strings("outputs")
        if not outputs:
            return data
        require_columns(data, names)
        refuse_nulls(data, names, "a projection")
        parts = [self._sums(data.slice(begin, _CHUNK), params) for begin in range(0, max(data.height, 1), _CHUNK)]
        made = [
            pl.Series(name, np.concatenate([part[name] for part in parts]), nan_to_null=True, dtype=pl.Float64)
            for name in outputs
        ]
        return (data.drop(names) if params.flag("drop_original") else data).with_columns(made)

    def _sums(self, data: pl.DataFrame, params: Params) -> Columns:
        columns: Columns = {name: data[name].cast(pl.Float64).to_numpy() for name in params.strings("columns")}
        try:
            for op in self.plan(params):
                op.batch(columns)
        except OpError as error:
            problem = error.problems[0]
            message = f"column {problem.column!r} {problem.message}"
            raise DataError(message, reason=problem.code, column=problem.column) from error
        return columns

    def plan(self, params: Params) -> list[Op]:
        """Return one project operation, or none where nothing is made."""
        if not params.strings("outputs"):
            return []
        return [
            Project(
                columns=tuple(params.strings("columns")),
                offsets=tuple(np.asarray(params.array("offsets"), np.float64).tolist()),
                matrix=np.asarray(params.array("matrix"), np.float64),
                outputs=tuple(params.strings("outputs")),
                drop_original=params.flag("drop_original"),
            )
        ]


def training_matrix(data: pl.DataFrame, config: ReductionConfig) -> tuple[list[str], Matrix]:
    """Return the columns to reduce and their values, rows in a stated order. Raises DataError for missing values."""
    columns = chosen_from(data, config.columns, NUMERIC)
    if len(columns) > MOST_COLUMNS:
        message = f"{len(columns)} columns are too many to reduce at once; name {MOST_COLUMNS} at most"
        raise DataError(message, reason="too-many-columns")
    refuse_nulls(data, columns, "a projection")
    return columns, matrix_of(in_stated_order(data.select(columns)), columns)


def projection(
    data: pl.DataFrame,
    columns: Sequence[str],
    matrix: NDArray[np.generic],
    config: ReductionConfig,
    *,
    prefix: str,
    offsets: NDArray[np.generic] | None = None,
    **learned: object,
) -> Params:
    """Return the params of a projection with these weights (outputs x columns)."""
    taken = set(data.columns)
    outputs = [free_name(f"{prefix}_{number}", taken) for number in range(1, len(matrix) + 1)]
    if not (np.isfinite(matrix).all() and (offsets is None or np.isfinite(offsets).all())):
        raise DataError("the columns hold numbers too large to reduce; scale them before", reason="not-finite")
    return Params(
        columns=list(columns),
        outputs=outputs,
        matrix=np.ascontiguousarray(matrix, np.float64),
        offsets=np.zeros(len(columns)) if offsets is None else np.ascontiguousarray(offsets, np.float64),
        drop_original=config.drop_original,
        **learned,
    )


def nothing(config: ReductionConfig) -> Params:
    """Return the params of a node that was given no columns."""
    return projection(pl.DataFrame(), [], np.zeros((0, 0)), config, prefix="none")


def projected(schema: Schema, config: ReductionConfig, *, prefix: str, outputs: int | None) -> Schema:
    """Return the schema with the new columns at its end; None stands for a number that only training knows."""
    columns = chosen(config.columns, schema, NUMERIC)
    if not columns:
        return schema
    taken = set(schema.names)
    names = [free_name(f"{prefix}_{number}", taken) for number in range(1, (outputs or 0) + 1)]
    made = [ColumnSchema(name, "float") for name in names]
    if outputs is None:
        made = [ColumnSchema(f"{prefix}_*", "float", family=True)]
    return (schema.drop(columns) if config.drop_original else schema).append(made)
