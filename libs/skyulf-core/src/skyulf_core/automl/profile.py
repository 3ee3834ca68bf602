"""What columns hold, as far as it decides what is done with them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import polars as pl

from skyulf_core.data.frames import dtype_of
from skyulf_core.schema import TEXT, Dtype

Role: TypeAlias = Literal[
    "number", "boolean", "category", "many", "text", "date", "moment", "constant", "identifier", "copy", "other"
]
"""`many` is a category with many values, `moment` a date with a time of day, `copy` the target under another name."""

LEFT_OUT: frozenset[Role] = frozenset({"constant", "identifier", "copy", "other"})
MOST_ROWS = 50_000
"""So many rows are looked at."""
FEW = 30
"""So many values a category may have to become a column each."""
_ENOUGH = 30
_WORDS = 4.0
_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$")
_ID = re.compile(r"(^|[_\s-])(id|ids|uuid|guid|key|index|rowid|rownum|row_number)$|^(id|uuid|index)([_\s-]|$)", re.I)


@dataclass(frozen=True)
class Column:
    """One column: what it is taken for, and why where it is left out. `missing` is the share of nulls."""

    name: str
    dtype: Dtype
    role: Role
    missing: float = 0.0
    distinct: int = 0
    infinite: bool = False
    why: str | None = None


@dataclass(frozen=True)
class Profile:
    """The columns of the training rows, and hints that a person should look at."""

    columns: tuple[Column, ...]
    rows: int
    hints: tuple[str, ...] = ()

    def named(self, *roles: Role) -> list[str]:
        """Return the names of the columns with these roles, in order."""
        return [column.name for column in self.columns if column.role in roles]

    @property
    def notes(self) -> list[str]:
        """A sentence for every column that is left out, and the hints."""
        left = [f"{c.name!r} is left out: {c.why}." for c in self.columns if c.why is not None]
        return [*left, *self.hints]


def profile(features: pl.DataFrame, target: pl.Series) -> Profile:
    """Look at training rows. Nothing of rows that are held out is seen."""
    step = max(features.height // MOST_ROWS, 1)
    seen, truth = features.gather_every(step), target.gather_every(step)
    columns = tuple(_column(seen[name], truth) for name in seen.columns)
    hints = [hint for column in columns for hint in _hints(column, seen, truth)]
    return Profile(columns, features.height, tuple(hints))


def _column(values: pl.Series, target: pl.Series) -> Column:
    dtype = dtype_of(values.dtype)
    missing = values.null_count() / max(len(values), 1)
    if dtype in ("other", "time", "duration"):
        return Column(values.name, dtype, "other", missing, why=f"nothing is done with values of type {dtype}")
    known = values.drop_nulls()
    distinct = known.n_unique()
    infinite = bool(known.is_infinite().any()) if known.dtype.is_float() else False

    def column(role: Role, why: str | None = None) -> Column:
        return Column(values.name, dtype, role, missing, distinct, infinite, why)

    if distinct <= 1 and (distinct == 0 or missing == 0):
        return column("constant", "it holds no value" if not distinct else "it holds the same value in every row")
    if _is_copy(values, target, distinct):
        return column("copy", f"it holds the target {target.name!r} under another name")
    if dtype == "boolean":
        return column("boolean")
    if dtype in ("date", "datetime"):
        return column("date" if dtype == "date" else "moment")
    if dtype in TEXT:
        return column(*_of_text(known.cast(pl.String), distinct))
    return column(*_of_numbers(known, distinct))


def _of_text(known: pl.Series, distinct: int) -> tuple[Role, str | None]:
    some = known.head(1_000)
    if all(_DATE.match(text) for text in some.to_list()):
        return "moment", None
    words = float(some.str.count_matches(r"\S+").mean() or 0.0)  # type: ignore[arg-type]
    if words >= _WORDS and distinct > FEW:
        return "text", None
    if len(known) >= _ENOUGH and distinct > 0.95 * len(known):
        return "identifier", "nearly every row has a value of its own, which says nothing about new rows"
    return ("category" if distinct <= FEW else "many"), None


def _of_numbers(known: pl.Series, distinct: int) -> tuple[Role, str | None]:
    if known.dtype.is_integer() and len(known) >= _ENOUGH and distinct == len(known):
        low, high = int(known.min()), int(known.max())  # type: ignore[arg-type]
        counted = low in (0, 1) and high - low < 2 * len(known)
        if counted or _ID.search(known.name):
            return "identifier", "it numbers the rows"
    return "number", None


def _is_copy(values: pl.Series, target: pl.Series, distinct: int) -> bool:
    """Say whether each value stands for one of the target and the other way round, in enough rows."""
    if values.null_count() or len(values) < _ENOUGH or distinct != target.n_unique():
        return False
    if target.dtype.is_float() and values.dtype.is_numeric():
        return bool((values.cast(pl.Float64) == target.cast(pl.Float64)).all())
    if distinct > len(values) / 5:
        return bool(values.dtype == target.dtype and (values == target).all())
    return pl.DataFrame([values.alias("a"), target.alias("b")]).n_unique() == distinct


def _hints(column: Column, features: pl.DataFrame, target: pl.Series) -> Iterator[str]:
    """Yield what looks like a leak, though it may be none: it stays a feature."""
    if column.role in LEFT_OUT or features.height < _ENOUGH:
        return
    values, name = features[column.name], column.name
    if column.role == "number" and target.dtype.is_float():
        pair = pl.DataFrame([values.cast(pl.Float64).alias("a"), target.alias("b")]).drop_nulls()
        found = pair.select(pl.corr("a", "b")).item() if pair.height > 2 else None
        if found is not None and abs(found) > 0.9999:
            yield f"{name!r} nearly is the target: make sure that it is known before the prediction is made."
    elif column.role in ("category", "boolean", "number") and 2 <= column.distinct <= features.height / 20:
        pairs = pl.DataFrame([values.alias("a"), target.alias("b")]).drop_nulls("a").unique()
        if pairs.height == column.distinct and target.n_unique() <= column.distinct:
            yield f"{name!r} says the target of every row: make sure that it is known before the prediction is made."
