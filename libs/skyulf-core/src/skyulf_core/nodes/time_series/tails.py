"""What history nodes share: their columns, and the tails of training rows that new rows follow on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypedDict, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from skyulf_core.data.frames import dtype_of, require_columns
from skyulf_core.nodes.base import NodeConfig
from skyulf_core.nodes.columns import ColumnNames, chosen_from, columns_field
from skyulf_core.params import Params, Scalar
from skyulf_core.problems import DataError, Problem
from skyulf_core.schema import NUMBER_LIKE, NUMERIC, TEMPORAL, TEXT, Dtype, Schema
from skyulf_core.serving.ops.line import Line, lay_out

GROUPABLE: frozenset[Dtype] = TEXT | {"integer", "boolean"}
SORTABLE: frozenset[Dtype] = NUMBER_LIKE | TEXT | TEMPORAL
MOST_GROUPS = 100_000
MOST_CELLS = 5_000_000
MOST_OUTPUTS = 2_000


class HistoryConfig(NodeConfig):
    """Which columns to follow, and in which order."""

    columns: ColumnNames | None = columns_field("all integer and float columns that neither group nor sort")
    group_by: ColumnNames = Field(
        default=[],
        title="Group by",
        description="Rows follow on rows of the same group only: texts, whole numbers or booleans.",
        json_schema_extra={"x-widget": "columns"},
    )
    sort_by: ColumnNames = Field(
        default=[],
        title="Sort by",
        description="Columns that say which row comes first; a missing value comes last. Left out: rows come in order.",
        json_schema_extra={"x-widget": "columns"},
    )

    def named_columns(self) -> Iterator[tuple[str, str]]:
        """Yield columns, groups and order."""
        yield from super().named_columns()
        yield from ((f"/group_by/{index}", name) for index, name in enumerate(self.group_by))
        yield from ((f"/sort_by/{index}", name) for index, name in enumerate(self.sort_by))

    def automatic(self, schema: Schema) -> list[str]:
        """Return the columns to follow that exist."""
        apart = {*self.group_by, *self.sort_by}
        if self.columns is None:
            return [name for name in schema.of_type(NUMERIC) if name not in apart]
        there = set(schema.names)
        return [name for name in self.columns if name in there]

    def roles(self, columns: frozenset[Dtype]) -> tuple[tuple[str, list[str], frozenset[Dtype]], ...]:
        """Return (field, names, accepted types)."""
        return (
            ("columns", self.columns or [], columns),
            ("group_by", self.group_by, GROUPABLE),
            ("sort_by", self.sort_by, SORTABLE),
        )


class TailFields(TypedDict):
    """The fields that every operation of serving.ops.history has."""

    columns: tuple[str, ...]
    outputs: tuple[tuple[str, ...], ...]
    group_by: tuple[str, ...]
    sort_by: tuple[str, ...]
    groups: tuple[tuple[Scalar, ...], ...]
    ends: NDArray[np.int64]
    tails: tuple[NDArray[Any] | tuple[Scalar, ...], ...]


def role_problems(schema: Schema, config: HistoryConfig, columns: frozenset[Dtype]) -> list[Problem]:
    """Return the columns whose type does not fit what they are for."""
    return [
        Problem(f"/{field}/{index}", f"Column {name!r} is {found.dtype}; {_allowed(field, accepted)}.", "wrong-type")
        for field, names, accepted in config.roles(columns)
        for index, name in enumerate(names)
        if (found := schema.find(name)) is not None and found.dtype not in accepted
    ]


def _allowed(field: str, accepted: frozenset[Dtype]) -> str:
    return f"{field} takes {', '.join(sorted(accepted))} columns"


def followed_columns(data: pl.DataFrame, config: HistoryConfig, columns: frozenset[Dtype], outputs: int) -> list[str]:
    """Return the columns to follow. Raises DataError for missing ones, wrong types, and too many that come out."""
    require_columns(data, [name for _, name in config.named_columns()])
    for field, names, accepted in config.roles(columns):
        for name in names:
            found = dtype_of(data[name].dtype)
            if found not in accepted:
                message = f"column {name!r} is {found}; {_allowed(field, accepted)}"
                raise DataError(message, reason="wrong-type", column=name)
    apart = {*config.group_by, *config.sort_by}
    followed = chosen_from(data, config.columns, NUMERIC)
    followed = [name for name in followed if config.columns is not None or name not in apart]
    if len(followed) * outputs > MOST_OUTPUTS:
        message = (
            f"{len(followed)} columns would become {len(followed) * outputs}; at most {MOST_OUTPUTS} may. Name fewer"
        )
        raise DataError(message, reason="too-many-columns")
    return followed


def tail_params(data: pl.DataFrame, config: HistoryConfig, columns: list[str], depth: int) -> dict[str, object]:
    """Return what new rows follow on: the last `depth` rows of every group. Raises DataError for too many groups."""
    learned: dict[str, object] = {"columns": columns, "group_by": config.group_by, "sort_by": config.sort_by}
    line = follow(data, Params(learned | without_tail(columns)))
    begin = np.flatnonzero(line.rank == 0)
    if len(begin) > MOST_GROUPS:
        message = f"{len(begin)} groups; history is kept for at most {MOST_GROUPS}. Group by columns with fewer values"
        raise DataError(message, reason="too-many-groups", column=config.group_by[0] if config.group_by else None)
    sizes = np.diff(np.append(begin, len(line.rank)))
    kept = np.minimum(sizes, depth)
    if int(kept.sum()) * len(columns) > MOST_CELLS:
        message = (
            f"{len(begin)} groups with {depth} rows of {len(columns)} columns each are too much to keep: "
            f"at most {MOST_CELLS} values. Look back on fewer rows, columns or groups"
        )
        raise DataError(message, reason="tail-too-large")
    rows = line.source[line.rank >= np.repeat(sizes - kept, sizes)]
    keys = data.select(config.group_by)[line.source[begin]].rows() if config.group_by else [()] * len(begin)
    tails = {f"tail_{index}": _stored(data[name].gather(rows)) for index, name in enumerate(columns)}
    return learned | {"groups": [list(key) for key in keys], "ends": np.cumsum(kept)} | tails


def without_tail(columns: list[str]) -> dict[str, object]:
    """Return params of nothing to follow on, as the training rows themselves have it."""
    nothing: dict[str, object] = {f"tail_{index}": [] for index in range(len(columns))}
    return {"groups": [], "ends": np.zeros(0, np.int64)} | nothing


def _stored(series: pl.Series) -> NDArray[Any] | list[Scalar]:
    """Return floats as an array with NaN for null, other numbers too where none is null, else scalars."""
    if series.dtype.is_float():
        return series.cast(pl.Float64).to_numpy()
    if series.dtype == pl.String or series.null_count():
        return series.to_list()
    return series.to_numpy()


def tail_series(params: Params, index: int, like: pl.Series) -> pl.Series:
    """Return the tail of a column in its type, under its name."""
    tail = params[f"tail_{index}"]
    if isinstance(tail, np.ndarray):
        return pl.Series(like.name, tail, nan_to_null=True).cast(like.dtype)
    return pl.Series(like.name, cast("list[Scalar]", tail), dtype=like.dtype, strict=False)


def follow(data: pl.DataFrame, params: Params) -> Line:
    """Lay out the rows of a frame behind the tails."""
    keys = [_sort_key(data[name]) for name in params.strings("sort_by")]
    return lay_out(_codes(data, params), keys, cast("NDArray[np.int64]", params.array("ends")))


def _sort_key(series: pl.Series) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    places = series.rank("dense").cast(pl.Int64).fill_null(0).to_numpy()
    return places, series.is_null().to_numpy()


def _codes(data: pl.DataFrame, params: Params) -> NDArray[np.int64]:
    """Return the group of each row: its place among the known ones, or a number of its own behind them."""
    names = params.strings("group_by")
    if not names:
        return np.zeros(data.height, np.int64)
    columns = zip(*params.lists("groups"), strict=True) if params.lists("groups") else [()] * len(names)
    known = {
        f"{index}": pl.Series(list(keys), dtype=data[name].dtype, strict=False)
        for index, (name, keys) in enumerate(zip(names, columns, strict=True))
    }
    new = data.select(pl.col(name).alias(f"{index}") for index, name in enumerate(names))
    both = pl.concat([pl.DataFrame(known), new]).with_row_index("row")
    codes = both.select(pl.col("row").first().over(list(known))).to_series()
    return codes.tail(data.height).cast(pl.Int64).to_numpy()


def tail_fields(params: Mapping[str, object]) -> TailFields:
    """Return the fields of an operation of serving.ops.history."""
    learned = cast("Params", params)
    tails = (learned[f"tail_{index}"] for index in range(len(learned.strings("columns"))))
    return {
        "columns": tuple(learned.strings("columns")),
        "outputs": tuple(tuple(str(name) for name in names) for names in learned.lists("outputs")),
        "group_by": tuple(learned.strings("group_by")),
        "sort_by": tuple(learned.strings("sort_by")),
        "groups": tuple(tuple(key) for key in learned.lists("groups")),
        "ends": cast("NDArray[np.int64]", learned.array("ends")),
        "tails": tuple(tail if isinstance(tail, np.ndarray) else tuple(cast("list[Scalar]", tail)) for tail in tails),
    }
