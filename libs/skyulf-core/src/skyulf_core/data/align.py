"""New rows brought into the columns and types that a pipeline was trained with."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

from skyulf_core.data.frames import dtype_of, normalise, normalise_lazy, refuse_strays_lazily, require_columns, types_of
from skyulf_core.data.limits import WIDE
from skyulf_core.problems import DataError
from skyulf_core.schema import ColumnSchema, Dtype, Schema

_TARGETS: dict[Dtype, pl.DataType] = {
    "integer": pl.Int64(), "float": pl.Float64(), "boolean": pl.Boolean(), "string": pl.String(),
    "category": pl.String(), "date": pl.Date(), "datetime": pl.Datetime("us"), "time": pl.Time(),
    "duration": pl.Duration("us"),
}  # fmt: skip


def align(data: pl.DataFrame, schema: Schema, *, optional: frozenset[str] = frozenset()) -> pl.DataFrame:
    """Return the columns of `schema`, in its order and types; columns that it does not name are left out.

    Whole floats may stand for integers, ISO 8601 texts for dates, an all-null column for any type; an `optional`
    column that is missing is all null. Raises DataError for another missing column or another type.
    """
    require_columns(data, [name for name in schema.names if name not in optional])
    there = set(data.columns)
    absent = [name for name in schema.names if name not in there]
    whole = data.with_columns(pl.lit(None).alias(name) for name in absent) if absent else data
    data = normalise(whole.select(schema.names))
    pairs = [(series, _aligned(series, column)) for series, column in zip(data.iter_columns(), schema, strict=True)]
    # a query of columns that stay as they are would cost a single row as much as all the rest
    changed = [after for before, after in pairs if after is not before]
    return data.with_columns(changed) if changed else data


def align_lazy(frame: pl.LazyFrame, schema: Schema) -> pl.LazyFrame | None:
    """Return the query of what `align` does, where columns are there and of their types; None where values decide.

    Raises DataError for a query that polars cannot plan, and for dates that cannot be held: those are counted at once.
    """
    given = types_of(frame)
    frame, raw = normalise_lazy(frame), frame
    types = frame.collect_schema()
    if any(types.get(column.name) in WIDE for column in schema):
        return None
    if any(column.name not in types or dtype_of(types[column.name]) != _inside(column.dtype) for column in schema):
        return None
    refuse_strays_lazily(raw, [name for name in schema.names if given[name].is_temporal()])
    return frame.select(schema.names)


def _inside(dtype: Dtype) -> Dtype:
    return "string" if dtype == "category" else dtype


def _aligned(series: pl.Series, column: ColumnSchema) -> pl.Series:
    found, wanted = dtype_of(series.dtype), column.dtype
    if wanted == "other" or found == wanted or (found == "string" and wanted == "category"):
        return series
    if series.null_count() == len(series):
        return series.cast(_TARGETS[wanted])
    if {found, wanted} == {"integer", "float"} or {found, wanted} == {"date", "datetime"}:
        converted = series.cast(_TARGETS[wanted], strict=False)
        same = (converted.cast(series.dtype) == series).all(ignore_nulls=True)
        if wanted in ("float", "datetime") or (bool(same) and converted.null_count() == series.null_count()):
            return converted
    if found == "string" and wanted in ("date", "datetime"):
        return _parsed(series, wanted)
    raise DataError(
        f"column {column.name!r} holds {found} values, the pipeline was trained with {wanted}",
        reason="wrong-type",
        column=column.name,
    )


def _parsed(series: pl.Series, wanted: Dtype) -> pl.Series:
    unique = series.drop_nulls().unique().to_list()
    try:
        moments = [_utc(datetime.fromisoformat(text)) for text in unique]
    except (ValueError, OverflowError) as error:  # the latter for year 1 or 9999, moved to UTC
        raise DataError(
            f"column {series.name!r} must hold dates in ISO 8601: {error}", reason="wrong-type", column=series.name
        ) from error
    parsed = series.replace_strict(unique, pl.Series(moments, dtype=pl.Datetime("us")), default=None)
    return parsed.cast(_TARGETS[wanted])


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
