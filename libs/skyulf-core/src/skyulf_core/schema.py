"""Names and logical types of columns: what a graph can be checked with, without data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias, cast, get_args, overload

if TYPE_CHECKING:
    from skyulf_core.data.frames import Frame

Dtype: TypeAlias = Literal[
    "integer", "float", "boolean", "string", "category", "date", "datetime", "time", "duration", "other"
]
"""The closed set of logical types. `other` (lists, structs, bytes) passes through and no node accepts it."""

DTYPES: tuple[Dtype, ...] = get_args(Dtype)
NUMERIC: frozenset[Dtype] = frozenset({"integer", "float"})
NUMBER_LIKE: frozenset[Dtype] = NUMERIC | {"boolean"}
TEXT: frozenset[Dtype] = frozenset({"string", "category"})
TEMPORAL: frozenset[Dtype] = frozenset({"date", "datetime"})


@dataclass(frozen=True)
class ColumnSchema:
    """One column. `nullable` says that nulls were seen, or may come.

    `family` marks a column that stands for several: `carrier_*` are the columns that a one-hot encoder will make;
    their exact names are known after fitting.
    """

    name: str
    dtype: Dtype
    nullable: bool = True
    family: bool = False

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise ValueError(f"dtype {self.dtype!r} is none of {', '.join(DTYPES)}")

    def covers(self, name: str) -> bool:
        """Say whether a column of this name is this one, or one of the family."""
        return name.startswith(self.name.removesuffix("*")) if self.family else name == self.name

    def to_dict(self) -> dict[str, str | bool]:
        """Return the column as JSON values."""
        plain: dict[str, str | bool] = {"name": self.name, "dtype": self.dtype, "nullable": self.nullable}
        return plain | {"family": True} if self.family else plain


class Schema(Sequence[ColumnSchema]):
    """The columns of a frame, in order. Immutable; names are unique.

    >>> schema = Schema([ColumnSchema("age", "integer"), ColumnSchema("plan", "string", nullable=False)])
    >>> schema.names
    ['age', 'plan']
    >>> schema.drop(["age"]).names
    ['plan']
    """

    def __init__(self, columns: Iterable[ColumnSchema] = ()) -> None:
        self._columns = tuple(columns)
        self._by_name = {column.name: column for column in self._columns}
        self._families = tuple(column for column in self._columns if column.family)
        if len(self._by_name) != len(self._columns):
            names = [column.name for column in self._columns]
            raise ValueError(f"duplicate columns: {sorted({name for name in names if names.count(name) > 1})}")

    @classmethod
    def from_frame(cls, frame: Frame) -> Schema:
        """Return the schema of a polars or pandas frame. Raises DataError for duplicate or unusable names."""
        from skyulf_core.data.frames import schema_of, to_polars  # keeps this module free of polars

        return schema_of(to_polars(frame))

    @classmethod
    def from_dicts(cls, columns: Iterable[Mapping[str, object]]) -> Schema:
        """Read what `to_dicts` wrote. Raises ValueError for an unknown dtype."""
        return cls(
            ColumnSchema(
                str(item["name"]),
                cast("Dtype", item["dtype"]),
                nullable=bool(item.get("nullable", True)),
                family=bool(item.get("family", False)),
            )
            for item in columns
        )

    def to_dicts(self) -> list[dict[str, str | bool]]:
        """Return the columns as JSON values."""
        return [column.to_dict() for column in self._columns]

    @overload
    def __getitem__(self, key: int) -> ColumnSchema: ...
    @overload
    def __getitem__(self, key: slice) -> Sequence[ColumnSchema]: ...
    def __getitem__(self, key: int | slice) -> ColumnSchema | Sequence[ColumnSchema]:
        return self._columns[key]

    def __len__(self) -> int:
        return len(self._columns)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Schema) and self._columns == other._columns

    def __hash__(self) -> int:
        return hash(self._columns)

    def __repr__(self) -> str:
        return f"Schema({', '.join(f'{column.name}: {column.dtype}' for column in self._columns)})"

    @property
    def names(self) -> list[str]:
        """The names, in order."""
        return list(self._by_name)

    def find(self, name: str) -> ColumnSchema | None:
        """Return the column of this name (or the family it belongs to, the closest one), or None."""
        exact = self._by_name.get(name)
        families = (column for column in self._families if column.covers(name))
        return exact or max(families, key=lambda column: len(column.name), default=None)

    def settle(self, names: Iterable[str]) -> Schema:
        """Return the schema where these columns are there, if they may be (`age*` is `age`, once a node names it)."""
        if not self._families:
            return self
        there = {f"{name}*": name for name in names if name not in self._by_name}
        return Schema(
            replace(column, name=there[column.name], family=False) if column.family and column.name in there else column
            for column in self._columns
        )

    def of_type(self, dtypes: Iterable[Dtype]) -> list[str]:
        """Return the names of the columns with one of these types, in order."""
        wanted = frozenset(dtypes)
        return [column.name for column in self._columns if column.dtype in wanted]

    def drop(self, names: Iterable[str]) -> Schema:
        """Return the schema without these columns."""
        gone = frozenset(names)
        return Schema(column for column in self._columns if column.name not in gone)

    def select(self, names: Iterable[str]) -> Schema:
        """Return the schema of these columns, in this order. Raises KeyError for one that is not there."""
        return Schema(self._by_name[name] for name in names)

    def append(self, columns: Iterable[ColumnSchema]) -> Schema:
        """Return the schema with columns at the end; one that exists already is replaced in its place."""
        new = {column.name: column for column in columns}
        kept = [new.pop(column.name, column) for column in self._columns]
        return Schema([*kept, *new.values()])

    def change(self, names: Iterable[str], *, dtype: Dtype | None = None, nullable: bool | None = None) -> Schema:
        """Return the schema with another type or nullability for these columns."""
        wanted = frozenset(names)
        return Schema(
            replace(
                column,
                dtype=column.dtype if dtype is None else dtype,
                nullable=column.nullable if nullable is None else nullable,
            )
            if column.name in wanted
            else column
            for column in self._columns
        )
