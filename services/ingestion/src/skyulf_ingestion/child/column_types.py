"""The type of a column of text: what all of its values have the form of, found block by block."""

import re
from collections.abc import Sequence

import polars as pl

DATE = r"^\d{4}-\d{2}-\d{2}$"
TIME = r"[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?"
MOMENT = rf"^\d{{4}}-\d{{2}}-\d{{2}}{TIME}$"
# years that no column of dates holds; 0000-00-00 is what some databases write for a missing date
FAR_DATE = rf"^(([+-]?\d{{5,6}}|-\d{{4}})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])|0000-\d{{2}}-\d{{2}})({TIME})?$"
INTEGER = r"^[+-]?(0|[1-9]\d{0,18})$"
# Whole numbers beyond 18 digits and codes such as 007 stay text: as floats they would lose what they say.
FLOAT = r"^[+-]?((0|[1-9]\d{0,17})(\.\d*)?|\.\d+)([eE][+-]?\d{1,4})?$"
BOOLEANS = ["true", "false"]
FORMS = {"integer": INTEGER, "float": FLOAT, "date": DATE, "datetime": MOMENT}
KINDS = ("boolean", "integer", "float", "date", "datetime")
YEARS = (1, 9999)


class ColumnTypes:
    """What the columns of a file can still be after the blocks seen so far."""

    def __init__(self, names: Sequence[str]) -> None:
        self._possible = {name: list(KINDS) for name in names}
        self._unseen = set(names)

    def look_at(self, block: pl.DataFrame) -> None:
        """Take in the next rows, all of them as text."""
        for name in [name for name in block.columns if name in self._unseen]:
            first = block[name].first(ignore_nulls=True)
            if first is not None:
                self._unseen.remove(name)
                # one look at one value spares most questions about all of them
                self._possible[name] = [kind for kind in KINDS if _may_be(str(first), kind)]
        asked = [(name, kind) for name in block.columns if name not in self._unseen for kind in self._possible[name]]
        # numbered, since a name may hold anything
        checks = [_fits(pl.col(name), kind).alias(str(number)) for number, (name, kind) in enumerate(asked)]
        answers = block.select(checks).row(0) if checks else ()
        for (name, kind), fits in zip(asked, answers, strict=True):
            if not fits:
                self._possible[name].remove(kind)

    def found(self) -> dict[str, str]:
        """The type of each column; text where nothing else fits or no value is present."""
        known = {name: kinds for name, kinds in self._possible.items() if kinds and name not in self._unseen}
        return {name: known[name][0] if name in known else "string" for name in self._possible}


def _may_be(value: str, kind: str) -> bool:
    if kind == "boolean":
        return value.lower() in BOOLEANS
    return re.match(FORMS[kind], value) is not None


def _fits(values: pl.Expr, kind: str) -> pl.Expr:
    checks = {
        "boolean": lambda: values.str.to_lowercase().is_in(BOOLEANS),
        "integer": lambda: values.str.contains(INTEGER) & typed(values, kind, strict=False).is_not_null(),
        "float": lambda: values.str.contains(FLOAT),
        "date": lambda: is_date(values),
        "datetime": lambda: is_moment(values),
    }
    return (checks[kind]() | values.is_null()).all()


def is_date(values: pl.Expr) -> pl.Expr:
    """Whether a text is a date that a column of dates can hold."""
    return values.str.contains(DATE) & _can_be_held(typed(values, "date", strict=False))


def is_moment(values: pl.Expr) -> pl.Expr:
    """Whether a text is a moment that a column of moments can hold, once it is in UTC."""
    return values.str.contains(MOMENT) & _can_be_held(_moment(values))


def is_beyond(values: pl.Expr) -> pl.Expr:
    """Whether a text is a date or a moment outside of the years that columns of them can hold."""
    moment = _moment(values)
    shifted = values.str.contains(MOMENT) & moment.is_not_null() & ~_can_be_held(moment)
    return values.str.contains(FAR_DATE) | shifted


def _can_be_held(parsed: pl.Expr) -> pl.Expr:
    # polars parses the year 0 and computes beyond 9999; Python, which reads the dataset, and JSON have no such dates
    return parsed.dt.year().is_between(*YEARS).fill_null(value=False)


def typed(values: pl.Expr, kind: str, *, strict: bool = True) -> pl.Expr:
    """The values of a text column in a type that all of them have; without ``strict`` null where one has not."""
    if kind == "boolean":
        return values.str.to_lowercase() == "true"
    if kind == "integer":
        return values.cast(pl.Int64, strict=strict)
    if kind == "float":
        return values.cast(pl.Float64, strict=strict)
    if kind == "date":
        return values.str.to_date("%Y-%m-%d", strict=strict)
    if kind == "datetime":
        return _moment(values)
    return values


def _moment(values: pl.Expr) -> pl.Expr:
    """ISO 8601 moments, with or without an offset; all become UTC."""
    iso = (
        values.str.replace(" ", "T", literal=True)
        .str.replace(r"Z$", "+00:00")
        .str.replace(r"([+-]\d{2})(\d{2})$", "$1:$2")
    )
    with_seconds = iso.str.replace(r"T(\d{2}:\d{2})([+-]|$)", "T$1:00$2")
    with_offset = (
        pl.when(with_seconds.str.contains(r"[+-]\d{2}:\d{2}$")).then(with_seconds).otherwise(with_seconds + "+00:00")
    )
    return with_offset.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%:z", time_unit="us", time_zone="UTC", strict=False)
