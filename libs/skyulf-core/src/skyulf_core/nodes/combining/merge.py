"""Merge: branches of the same rows, their columns side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import polars as pl
from pydantic import Field, JsonValue

from skyulf_core.nodes.base import NodeConfig
from skyulf_core.nodes.combiner import Combiner, CombinerApplier, Side
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.problems import DataError, Problem, did_you_mean, nearest_column, pointer_part, some_of
from skyulf_core.schema import Schema


class MergeConfig(NodeConfig):
    """What happens to a column that several inputs bring."""

    on_conflict: Literal["error", "first", "last"] = Field(
        default="error",
        title="On conflict",
        description="Which input gives a column that several have made differently: none (an error), the first or the "
        "last of them. A column that no branch has changed is no conflict.",
    )
    owners: dict[str, str] = Field(
        default_factory=dict,
        title="Owners",
        description="Column and the id of the input that gives it; stands above the rule for conflicts.",
        json_schema_extra={"x-widget": "owners"},
    )


class MergeApplier(CombinerApplier):
    """Takes each column from its owner."""

    def combine(self, frames: Sequence[pl.DataFrame], params: Params) -> pl.DataFrame:
        """Return the columns of all frames."""
        return pl.DataFrame([frames[owner][name] for name, owner in self.owners(params).items()])

    def owners(self, params: Params) -> dict[str, int]:
        """Return the position of each column's input."""
        return dict(zip(params.strings("columns"), map(int, params.numbers("owners")), strict=True))


@NodeRegistry.register("Merge", MergeApplier)
class MergeCalculator(Combiner[MergeConfig]):
    """Put the columns of branches side by side, each from a stated owner.

    The inputs hold the same rows: branches that part behind the split and after every node that changes rows. A column
    that no branch has changed since they parted comes once. One that a branch has changed or made, and another
    brings too, is a conflict: `owners` names its input, or `on_conflict` says which wins. Columns come in the order of
    the inputs.

    >>> left, right = pl.DataFrame({"a": [1], "b": [2]}), pl.DataFrame({"b": [3], "c": [4]})
    >>> sides = [Side("x", {"a": "x", "b": "x"}), Side("y", {"b": "y", "c": "y"})]
    >>> params = MergeCalculator().fit([left, right], MergeConfig(on_conflict="last"), sides=sides)
    >>> MergeApplier().combine([left, right], params).row(0, named=True)
    {'a': 1, 'b': 3, 'c': 4}

    >>> MergeCalculator().fit([left, right], MergeConfig(), sides=sides)
    Traceback (most recent call last):
    skyulf_core.problems.DataError: column 'b' comes from 'x' and from 'y', made differently; name its owner, or set \
on_conflict to first or last
    """

    keywords = ("merge", "concat", "branches", "columns", "union", "join")
    examples = (
        {"on_conflict": "first"},
        {"on_conflict": "last"},
        {"owners": {"number": "second", "count": "first"}, "on_conflict": "last"},
    )
    reference = "pandas.concat(axis=1)"
    tolerance = 0

    def fit(self, frames: Sequence[pl.DataFrame], config: MergeConfig, *, sides: Sequence[Side]) -> Params:
        """Settle the owner of each column."""
        found = _settle([frame.columns for frame in frames], config, sides)
        for name, several in found.conflicts.items():
            raise DataError(
                f"column {name!r} comes from {_listed(several, sides)}, made differently; name its owner, or set "
                "on_conflict to first or last",
                reason="column-conflict",
                column=name,
            )
        heights = {frame.height for frame in frames}
        if len(heights) > 1:
            raise DataError(f"the inputs have {sorted(heights)} rows; Merge needs the same rows", reason="other-rows")
        return Params(columns=list(found.owners), owners=list(found.owners.values()))

    def infer_schema(self, schemas: Sequence[Schema], config: MergeConfig, *, sides: Sequence[Side]) -> Schema:
        """Return the columns of all inputs."""
        found = _settle([schema.names for schema in schemas], config, sides)
        return Schema(
            column for name, owner in found.owners.items() if (column := schemas[owner].find(name)) is not None
        )

    def owners(
        self, columns: Sequence[Sequence[str]], config: MergeConfig, *, sides: Sequence[Side]
    ) -> Mapping[str, int]:
        """Return the position of each column's input."""
        return _settle(columns, config, sides).owners

    def without_ids(self, config: Mapping[str, JsonValue], inputs: Sequence[str]) -> Mapping[str, JsonValue]:
        """Return the configuration with the places of the owners."""
        owners = cast("Mapping[str, str]", config["owners"])
        places: JsonValue = {name: inputs.index(owner) if owner in inputs else owner for name, owner in owners.items()}
        return {**config, "owners": places}

    def check_inputs(self, schemas: Sequence[Schema], config: MergeConfig, *, sides: Sequence[Side]) -> list[Problem]:
        """Report conflicts without a rule, and owners that are no input or lack their column."""
        names = [schema.names for schema in schemas]
        problems = [_owner_problem(name, owner, names, sides) for name, owner in config.owners.items()]
        conflicts = _settle(names, config, sides).conflicts
        if conflicts:
            listed = "; ".join(f"{name!r} comes from {_listed(several, sides)}" for name, several in conflicts.items())
            message = f"Columns are made differently by several inputs: {listed}."
            hint = "Name their owners, or set on_conflict to first or last."
            problems.append(Problem("/on_conflict", message, "column-conflict", suggestion=hint))
        return [problem for problem in problems if problem is not None]


@dataclass(frozen=True)
class _Settled:
    owners: dict[str, int]
    conflicts: dict[str, list[int]]


def _settle(columns: Sequence[Sequence[str]], config: MergeConfig, sides: Sequence[Side]) -> _Settled:
    """Return each column's input, and the inputs of those that no rule settles (the first owns them meanwhile)."""
    bringing: dict[str, list[int]] = {}
    for position, names in enumerate(columns):
        for name in names:
            bringing.setdefault(name, []).append(position)
    ids = [side.id for side in sides]
    owners = {name: several[0] for name, several in bringing.items()}
    conflicts: dict[str, list[int]] = {}
    for name, several in bringing.items():
        stated = config.owners.get(name)
        if stated in ids and ids.index(stated) in several:
            owners[name] = ids.index(stated)
        elif len({sides[position].makers.get(name) for position in several}) > 1:
            owners[name] = several[-1] if config.on_conflict == "last" else several[0]
            if config.on_conflict == "error":
                conflicts[name] = several
    return _Settled(owners, conflicts)


def _owner_problem(name: str, owner: str, columns: Sequence[Sequence[str]], sides: Sequence[Side]) -> Problem | None:
    pointer, ids = f"/owners/{pointer_part(name)}", [side.id for side in sides]
    if owner not in ids:
        hint = did_you_mean(owner, ids) or f"The inputs are: {some_of(ids)}."
        return Problem(pointer, f"{owner!r} is no input of this node.", "unknown-input", suggestion=hint)
    if name not in columns[ids.index(owner)]:
        message = f"The input {owner!r} has no column {name!r}."
        return Problem(pointer, message, "unknown-column", suggestion=nearest_column(name, columns[ids.index(owner)]))
    return None


def _listed(positions: Sequence[int], sides: Sequence[Side]) -> str:
    return " and from ".join(repr(sides[position].id) for position in positions)
