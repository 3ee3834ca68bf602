"""Which columns a node writes: what its serving plan changes or makes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import polars as pl

from skyulf_core.nodes.base import Applier, Calculator, NodeConfig, RowApplier, TargetAwareCalculator
from skyulf_core.nodes.combiner import CombinerApplier
from skyulf_core.nodes.registry import NodeEntry
from skyulf_core.params import Params
from skyulf_core.schema import Dtype, Schema

_ROWS = 12
_SAMPLES: dict[Dtype, pl.Series] = {
    "integer": pl.Series(range(_ROWS)),
    "float": pl.Series([i * i / 7 for i in range(_ROWS)]),
    "boolean": pl.Series([i % 2 == 0 for i in range(_ROWS)]),
    "string": pl.Series(["a", "b", "c"] * (_ROWS // 3)),
    "category": pl.Series(["a", "b", "c"] * (_ROWS // 3)),
    "date": pl.Series(range(_ROWS)).cast(pl.Date),
    "datetime": pl.Series(range(0, _ROWS * 10**12, 10**12)).cast(pl.Datetime("us")),
    "time": pl.Series(range(_ROWS)).cast(pl.Time),
    "duration": pl.Series(range(_ROWS)).cast(pl.Duration("us")),
}


def written(entry: NodeEntry, params: Params, names: Iterable[str]) -> frozenset[str]:
    """Return those of the columns that come out of a node which it has made or changed."""
    if not isinstance(entry.applier, Applier) or isinstance(entry.applier, RowApplier):
        return frozenset()
    ops = entry.applier.plan(params)
    return frozenset(name for name in names if any(op.restrict(frozenset({name})) is not None for op in ops))


def makers_after(
    step: str, entry: NodeEntry, params: Params, names: Iterable[str], makers: Mapping[str, str]
) -> dict[str, str]:
    """Return who has written each column last after a step that has learned."""
    known = list(names)
    mine = written(entry, params, known)
    return {name: step if name in mine else makers.get(name, step) for name in known}


def merged_makers(
    step: str, applier: CombinerApplier, params: Params, names: Iterable[str], inputs: Sequence[Mapping[str, str]]
) -> dict[str, str]:
    """Return who has written each column last after a combiner, given the same of the inputs that it reads."""
    owners = applier.owners(params)
    return {name: inputs[owners.get(name, 0)].get(name, step) for name in names}


def expected_makers(
    step: str, entry: NodeEntry, config: NodeConfig, tables: tuple[Schema, Schema], makers: Mapping[str, str]
) -> dict[str, str]:
    """Return who will have written each column last after a step, told without data.

    A column whose schema changes is the step's own. For the others the step learns from a few made-up rows of the
    schema, and its plan tells; where it refuses those, they count as untouched.
    """
    before, after = tables
    same = [column.name for column in after if column in before]
    mine = _written_on_samples(entry, config, before, [name for name in same if name in makers])
    return {name: makers[name] if name in same and name not in mine else step for name in after.names}


def _written_on_samples(entry: NodeEntry, config: NodeConfig, schema: Schema, names: list[str]) -> frozenset[str]:
    if not isinstance(entry.applier, Applier) or isinstance(entry.applier, RowApplier) or not names:
        return frozenset()
    rows = pl.DataFrame([_SAMPLES[c.dtype].alias(c.name) for c in schema if c.dtype in _SAMPLES and not c.family])
    try:
        return written(entry, _learned(entry, config, rows), names)
    except Exception:  # a node may refuse made-up rows in any way; the rows themselves will tell
        return frozenset()


def _learned(entry: NodeEntry, config: NodeConfig, rows: pl.DataFrame) -> Params:
    calculator = entry.calculator
    if isinstance(calculator, TargetAwareCalculator):
        texts = calculator.sample_target == "label"
        target = _SAMPLES["string"] if texts else _SAMPLES["float"]
        return calculator.fit(rows, target.alias("a target"), config)
    return calculator.fit(rows, config) if isinstance(calculator, Calculator) else Params()
