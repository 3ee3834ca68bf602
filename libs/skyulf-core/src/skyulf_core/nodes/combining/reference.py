"""Reference data of a join: what can be kept with a model."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from skyulf_core.data.frames import dtype_of
from skyulf_core.problems import DataError
from skyulf_core.schema import NUMBER_LIKE, TEXT, Dtype

MAX_ROWS = 100_000
MAX_VALUES = 1_000_000
_WHOLE: frozenset[Dtype] = frozenset({"integer", "boolean"})
KEYS, VALUES = _WHOLE | TEXT, NUMBER_LIKE | TEXT


def comparable(one: Dtype, other: Dtype) -> bool:
    """Say whether keys of these types can be equal."""
    return one == other or {one, other} <= TEXT


def require_comparable(left: pl.Series, right: pl.Series) -> None:
    """Raise DataError for keys of types that cannot be compared, or are no keys."""
    kinds = dtype_of(left.dtype), dtype_of(right.dtype)
    if not comparable(*kinds) or kinds[0] not in KEYS:
        raise DataError(
            f"keys {left.name!r} ({kinds[0]}) and {right.name!r} ({kinds[1]}) cannot be compared; both must be "
            "integers, booleans or texts",
            reason="wrong-type",
            column=left.name,
        )


def require_small(right: pl.DataFrame) -> None:
    """Raise DataError for more reference data than a model keeps."""
    if right.height > MAX_ROWS or right.height * right.width > MAX_VALUES:
        raise DataError(
            f"the right side has {right.height:,} rows of {right.width} columns; a model keeps at most {MAX_ROWS:,} "
            f"rows and {MAX_VALUES:,} values: join large tables before the data is given to the pipeline",
            reason="too-many-rows",
        )


def require_unique(right: pl.DataFrame, keys: Sequence[str]) -> None:
    """Raise DataError for keys that occur several times."""
    repeated = right.select(keys).filter(right.select(keys).is_duplicated()).unique(maintain_order=True)
    if repeated.height:
        shown = ", ".join(str(value) for value in repeated.row(0))
        what = "key of the right side occurs" if repeated.height == 1 else "keys of the right side occur"
        raise DataError(
            f"{repeated.height} {what} several times, as {shown}; aggregate its rows per key, or remove duplicates, "
            "before the data is given to the pipeline",
            reason="duplicate-keys",
            column=keys[0],
        )


def require_storable(values: pl.DataFrame) -> None:
    """Raise DataError for columns that cannot be looked up."""
    for column in values.iter_columns():
        if dtype_of(column.dtype) not in VALUES:
            message = f"column {column.name!r} of the right side is {column.dtype}; Join looks up numbers and texts"
            raise DataError(message, reason="wrong-type", column=column.name)
        if column.dtype.is_float() and column.is_infinite().any():
            message = f"column {column.name!r} of the right side holds infinite values"
            raise DataError(message, reason="not-finite", column=column.name)
