"""The type of a column of text: what all of its values have the form of, found block by block."""

import re
from collections.abc import Sequence

import polars as pl

DATE = r"^\d{4}-\d{2}-\d{2}$"
MOMENT = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?$"
INTEGER = r"^[+-]?(0|[1-9]\d{0,18})$"
# Whole numbers beyond 18 digits and codes such as 007 stay text: as floats they would lose what they say.
FLOAT = r"^[+-]?((0|[1-9]\d{0,17})(\.\d*)?|\.\d+)([eE][+-]?\d{1,4})?$"
BOOLEANS = ["true", "false"]
FORMS = {"integer": INTEGER, "float": FLOAT, "date": DATE, "datetime": MOMENT}
KINDS = ("boolean", "integer", "float", "date", "datetime")


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
        "date": lambda: values.str.contains(DATE) & typed(values, kind, strict=False).is_not_null(),
        "datetime": lambda: values.str.contains(MOMENT) & _moment(values).is_not_null(),
    }
    return (checks[kind]() | values.is_null()).all()


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
