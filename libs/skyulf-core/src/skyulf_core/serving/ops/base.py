"""What every operation of the serving plan is: data, with one meaning on a row and on a batch."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from skyulf_core.serving.errors import shortened
from skyulf_core.serving.ops.closed_set import OPERATIONS

# Values are dynamic by nature (one alias for all): a checked cast per value would cost more than the arithmetic.
Row: TypeAlias = dict[str, Any]
Columns: TypeAlias = dict[str, NDArray[Any]]
RowFunction: TypeAlias = Callable[[Row], None]
Origins: TypeAlias = dict[str, frozenset[str]]
Scalar: TypeAlias = bool | int | float | str | None

_EXACT = 2**53
"""Up to here every integer is a float64 of its own."""


class PlanError(ValueError):
    """A plan cannot be read or built: unknown operation, wrong field, unknown format."""


class ValueProblem(NamedTuple):
    """One value an operation cannot work on: the row's index, the column, one sentence, a stable code."""

    row: int
    column: str
    message: str
    code: str

    def sentence(self) -> str:
        """Return where and what; a problem of all columns together names none."""
        where = f"row {self.row}, column {self.column!r}:" if self.column else f"row {self.row}"
        return f"{where} {self.message}"


class OpError(ValueError):
    """Values that an operation refuses; `problems` names each row and column."""

    def __init__(self, problems: Iterable[ValueProblem]) -> None:
        self.problems = [problem._replace(message=shortened(problem.message)) for problem in problems]
        super().__init__("; ".join(f"row {p.row}, {p.column or 'the row'}: {p.message}" for p in self.problems[:5]))


@dataclass(frozen=True)
class Op(ABC):
    """One operation of the closed set. The fields are JSON values and numpy arrays, nothing else.

    A null is `None` on a row; in a batch it is NaN (numbers), None (object arrays) or NaT (datetime64[us]). Integers
    beside nulls are float64 where that holds each of them, else objects.
    """

    op: ClassVar[str]
    parallel: ClassVar[tuple[str, ...]] = ()
    """Fields that run beside `columns`, for operations that change each of their columns by itself."""
    name_fields: ClassVar[tuple[str, ...]] = (
        "column", "columns", "output", "outputs", "features", "infrequent_output", "missing_output",
    )  # fmt: skip
    """Fields that hold names of columns; where an operation has one of another name, it lists all of its own."""
    sequence: ClassVar[bool] = False
    """Whether the rows of a batch follow on each other, so that a batch is more than its rows one by one."""

    @abstractmethod
    def row_function(self) -> RowFunction:
        """Return a function that changes one row (a dict of plain Python values) in place."""

    @abstractmethod
    def batch(self, columns: Columns) -> None:
        """Change the columns (numpy arrays of one length) in place; the same values as row by row."""

    def row(self, values: Row) -> None:
        """Change one row in place."""
        self._compiled(values)

    @cached_property
    def _compiled(self) -> RowFunction:
        return self.row_function()

    def makes(self) -> frozenset[str]:
        """Columns that this operation makes."""
        return frozenset()

    def restrict(self, after: frozenset[str]) -> Op | None:
        """Return the part of this operation that makes or changes a column needed after it, or None."""
        if not self.parallel:
            return self if self.makes() & after else None
        columns: tuple[str, ...] = getattr(self, "columns")  # noqa: B009 - a field of those that have `parallel`
        kept = [i for i, name in enumerate(columns) if name in after]
        cut = {name: tuple(getattr(self, name)[i] for i in kept) for name in self.parallel}
        return replace(self, **cut) if kept else None

    def needed(self, after: frozenset[str]) -> frozenset[str]:
        """Columns that must exist before this operation, given those needed after it."""
        return after

    def renamed(self, names: Callable[[str], str]) -> Op:
        """Return the operation on columns of other names, as branches of a graph need it."""
        own = [f.name for f in fields(self) if f.name in self.name_fields]
        return replace(self, **{name: _renamed(getattr(self, name), names) for name in own})

    def trace(self, origins: Origins) -> frozenset[str]:
        """Follow nulls: update, per column, the inputs whose null reaches it; return inputs that must not be null."""
        return frozenset()

    def to_dict(self) -> dict[str, object]:
        """Return the operation as JSON values (and arrays), with its name under `op`."""
        return {"op": self.op, **{f.name: thaw(getattr(self, f.name)) for f in fields(self)}}

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Op:
        """Build the operation that `data` describes. Raises PlanError for an unknown one or wrong fields."""
        name = data.get("op")
        if not isinstance(name, str) or name not in OPERATIONS:
            raise PlanError(f"unknown operation {name!r}; this version knows {', '.join(sorted(OPERATIONS))}")
        kind = operation_class(name)
        known = {f.name for f in fields(kind)}
        extra = set(data) - known - {"op"}
        if extra:
            raise PlanError(f"operation {name}: unknown fields {', '.join(sorted(extra))}")
        try:
            return kind(**{key: freeze(value) for key, value in data.items() if key != "op"})
        except (TypeError, ValueError, OverflowError) as error:
            raise PlanError(f"operation {name}: {error}") from error


def _renamed(value: Any, names: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return names(value)
    if isinstance(value, Op):
        return value.renamed(names)
    return tuple(_renamed(item, names) for item in value) if isinstance(value, tuple) else value


_LOADED: dict[str, type[Op]] = {}


def operation(cls: type[Op]) -> type[Op]:
    """Offer a class as the operation of its name. Raises KeyError for one outside of the closed set."""
    if not cls.__module__.endswith(f".{OPERATIONS[cls.op]}"):
        raise KeyError(cls.op)
    _LOADED[cls.op] = cls
    return cls


def operation_class(name: str) -> type[Op]:
    """Return the class of an operation; its module is loaded when it is needed first. Raises KeyError."""
    if name not in _LOADED:
        importlib.import_module(f"skyulf_core.serving.ops.{OPERATIONS[name]}")
    return _LOADED[name]


def freeze(value: object) -> object:
    """Turn lists into tuples, at any depth, so that an operation cannot be changed."""
    return tuple(freeze(item) for item in value) if isinstance(value, list | tuple) else value


def thaw(value: object) -> object:
    """Turn tuples into lists, at any depth, as JSON has them, and operations inside of others into what they say."""
    if isinstance(value, Op):
        return value.to_dict()
    return [thaw(item) for item in value] if isinstance(value, list | tuple) else value


def source_needed(after: frozenset[str], column: str, *, dropped: bool) -> frozenset[str]:
    """Add the column that an operation reads; one that it drops must not be read again."""
    if dropped and column in after:
        raise PlanError(f"column {column!r} is read after it was dropped")
    return after | {column}


def same_length(owner: str, **groups: object) -> None:
    """Raise ValueError unless all the sequences are equally long."""
    lengths = {name: len(group) for name, group in groups.items() if hasattr(group, "__len__")}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"{owner}: lengths differ: {lengths}")


def is_null(column: NDArray[Any]) -> NDArray[np.bool_]:
    """Mark the nulls of a column."""
    if column.dtype.kind == "f":
        return np.asarray(np.isnan(column), np.bool_)
    if column.dtype.kind == "M":
        return np.asarray(np.isnat(column), np.bool_)
    if column.dtype.kind == "O":
        return np.fromiter((v is None or v != v for v in column.tolist()), np.bool_, len(column))
    return np.zeros(len(column), np.bool_)


def as_float(column: NDArray[Any]) -> NDArray[np.float64]:
    """Return a numeric column as float64, nulls as NaN."""
    if column.dtype == np.float64:
        return column
    if column.dtype.kind in "fiub":
        return column.astype(np.float64)
    return np.array([np.nan if v is None else float(v) for v in column.tolist()], np.float64)


def plain(column: NDArray[Any]) -> list[Any]:
    """Return a column as plain Python values, nulls as None."""
    values: list[Any] = column.tolist()
    if column.dtype.kind == "f" and not np.isnan(column).any():
        return values
    if column.dtype.kind in "fO":
        return [v if v == v else None for v in values]
    return values


def in_objects(values: Sequence[Any]) -> NDArray[Any]:
    """Return values as a column of objects."""
    column = np.empty(len(values), object)
    column[:] = values
    return column


def numbers_of(values: Sequence[Any]) -> NDArray[Any]:
    """Return numbers, booleans and nulls as float64 with NaN; as objects where an integer is none that floats hold.

    Else one null in a batch would make one of two large integers that differ, and change the answers of other rows.
    """
    numbers = np.array([np.nan if v is None else v for v in values], np.float64)
    if (np.abs(numbers) >= _EXACT).any() and any(type(v) is int and abs(v) > _EXACT for v in values):
        return in_objects(values)
    return numbers


def nullable(column: NDArray[Any]) -> NDArray[Any]:
    """Return a column in a type that can hold nulls beside its values."""
    if column.dtype.kind in "OM":
        return column
    large = column.dtype.kind in "iu" and len(column) and (column.max() > _EXACT or column.min() < -_EXACT)
    return in_objects(column.tolist()) if large else as_float(column)


def shown(value: object) -> str:
    """Return a value as a message has it: 3.0 and 3, -0.0 and 0.0 are one number, so one text."""
    if isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT:
        return repr(int(value))
    return repr(value)


def any_float(values: Iterable[Any]) -> bool:
    """Say whether one of the values is a float: integers beside it become floats, as a column has one type."""
    return any(type(value) is float for value in values)


def widened(value: Any) -> Any:
    """Return an integer as a float, anything else as it is."""
    return float(value) if type(value) is int else value


def replaced(column: NDArray[Any], where: NDArray[np.bool_], value: float | None) -> NDArray[Any]:
    """Return numbers with others, or nulls, in some places; large integers stay what they are."""
    found = nullable(column).copy()
    found[where] = np.nan if value is None and found.dtype.kind != "O" else value
    return found


def from_plain(values: list[Any]) -> NDArray[Any]:
    """Return plain Python values as a column: integers without nulls as int64, else numbers as `numbers_of` does.

    Times become datetime64[us], and all else objects.
    """
    kinds = {type(v) for v in values if v is not None}
    if kinds <= {bool} and kinds and None not in values:
        return np.array(values, np.bool_)
    if kinds <= {int, bool} and kinds and None not in values:
        try:
            return np.array(values, np.int64)
        except OverflowError:
            return numbers_of(values)
    if kinds <= {int, float, bool}:
        return numbers_of(values)
    if all(hasattr(kind, "isoformat") for kind in kinds):
        return np.array(values, "datetime64[us]")
    return in_objects(values)
