"""What the plan of a node promises in a graph, where branches have their columns under names of their own."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from skyulf_core.serving.ops import Op, OpError
from skyulf_core.testing.compare import require, require_same_values
from skyulf_core.testing.node_checks import Case
from skyulf_core.testing.plans import run_columns, run_rows


def _place(name: str) -> str:
    return f"branch:{name}"


def plan_takes_other_names(case: Case) -> None:
    """The operations do the same on columns of other names, and touch no column of another branch."""
    if case.changes_rows:
        return
    ops = case.applier.plan(case.fit(case.data))
    renamed = [op.renamed(_place) for op in ops]
    there = case.data.rename(_place)
    beside = pl.concat([there, case.data.select("number", "city")], how="horizontal")
    if _refuses(ops, case.data):
        require(_refuses(renamed, there), "the plan refuses the data, under other names it runs")
        return
    wanted, found = run_columns(ops, case.data), run_columns(renamed, beside)
    left_out = {"number", "city"} - found.keys()
    require(not left_out or _selects(ops), f"columns of another branch are gone: {sorted(left_out)}")
    names = {name for name in found if name not in ("number", "city")}
    require(names == {_place(name) for name in wanted}, f"columns {sorted(names)} instead of {sorted(wanted)}")
    for name, column in wanted.items():
        require_same_values(found[_place(name)].tolist(), column.tolist(), f"other names: {name}")
    for row in run_rows(renamed, there.head(3)):
        require(set(row) == names, f"other names by rows: columns {sorted(row)} instead of {sorted(names)}")


def _selects(ops: Sequence[Op]) -> bool:
    # a graph leaves this operation out: what nothing reads is cut away
    return any(op.op == "select" for op in ops)


def _refuses(ops: Sequence[Op], data: pl.DataFrame) -> bool:
    try:
        run_columns(ops, data)
    except OpError:
        return True
    return False


BRANCH_CHECKS = (plan_takes_other_names,)
