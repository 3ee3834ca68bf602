"""What a node promises that makes other training rows."""

from __future__ import annotations

from typing import cast

import polars as pl

from skyulf_core.nodes.base import NodeConfig, Resampler
from skyulf_core.problems import DataError
from skyulf_core.testing.compare import CheckError, require, require_same_frame
from skyulf_core.testing.node_checks import Case

_NAMES = ("count", "large", "price", "flag")


def _resample(case: Case, data: pl.DataFrame, target: pl.Series) -> tuple[pl.DataFrame, pl.Series]:
    return cast("Resampler[NodeConfig]", case.calculator).resample(data, target, case.config)


def rows_and_targets_stay_together(case: Case) -> None:
    """As many targets as rows, the same columns, types and classes."""
    data, target = case.data.select(_NAMES), case.frame["label"]
    before = data.clone()
    found, labels = _resample(case, data, target)
    require(found.height == len(labels) > 0, f"{found.height} rows and {len(labels)} targets")
    require_same_frame(found.clear(), data.clear(), "columns")
    require(labels.dtype == target.dtype and labels.name == target.name, "the target changes its name or type")
    require(set(labels.unique()) == set(target.unique()), "classes appear or vanish")
    require_same_frame(data, before, "input", exact=True)


def no_row_comes_twice_unsaid(case: Case) -> None:
    """A node that says it repeats no row only leaves some out: encoders that cross-fit may stand behind it."""
    if case.calculator.repeats_rows(case.config):
        return
    data = case.data.select(*_NAMES, pl.int_range(pl.len()).alias("row"))
    rows = _resample(case, data, case.frame["label"])[0]["row"]
    require(rows.is_unique().all() and bool(rows.is_in(data["row"].implode()).all()), "rows come twice, or new ones")


def resampling_repeats(case: Case) -> None:
    """The same rows give the same rows again."""
    data, target = case.data.select(_NAMES), case.frame["label"]
    first, second = _resample(case, data, target), _resample(case, data, target)
    require_same_frame(second[0], first[0], "second run", exact=True)
    require(second[1].equals(first[1]), "targets of the second run differ")


def too_few_rows_are_refused(case: Case) -> None:
    """One row, and none, are resampled or refused with a DataError."""
    for rows in (0, 1):
        data, target = case.data.select(_NAMES).head(rows), case.frame["label"].head(rows)
        try:
            found, labels = _resample(case, data, target)
        except DataError:
            continue
        require(found.height == len(labels), f"{found.height} rows and {len(labels)} targets")


def unusable_columns_are_named(case: Case) -> None:
    """Missing values and texts are resampled or refused by name."""
    for name in ("number", "city"):
        try:
            found, labels = _resample(case, case.data.select(*_NAMES, name), case.frame["label"])
        except DataError as error:
            if name not in str(error):
                raise CheckError(f"the error does not name {name!r}: {error}") from error
            continue
        require(found.height == len(labels), f"{found.height} rows and {len(labels)} targets")


RESAMPLER_CHECKS = (
    rows_and_targets_stay_together, no_row_comes_twice_unsaid, resampling_repeats, too_few_rows_are_refused,
    unusable_columns_are_named,
)  # fmt: skip
