"""GroupSplit: whole groups of rows held out."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field, model_validator

from skyulf_core.data.frames import dtype_of
from skyulf_core.nodes.base import SplitRows, Splitter, Task
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.nodes.splitting.common import SplitConfig, column_problems, complete, target_problems, usable_rows
from skyulf_core.nodes.splitting.train_test_split import Size
from skyulf_core.problems import DataError, Problem
from skyulf_core.schema import NUMBER_LIKE, TEMPORAL, TEXT, Dtype, Schema

_ACCEPTED: frozenset[Dtype] = NUMBER_LIKE | TEXT | TEMPORAL


class GroupSplitConfig(SplitConfig):
    """What a group is, and how many to hold out."""

    group: str = Field(
        title="Group",
        description="Rows with the same value here stay together: a patient, a customer, a session.",
        json_schema_extra={"x-widget": "column"},
    )
    test_size: Size = Field(default=0.2, title="Test size", description="Share of the groups, or their number.")
    validation_size: Size | None = Field(
        default=None, title="Validation size", description="Share (of all groups) or number of groups for validation."
    )
    random_state: int = Field(
        default=42, ge=0, le=2**32 - 1, title="Random state", description="The same number draws the same groups."
    )

    @model_validator(mode="after")
    def _consistent(self) -> GroupSplitConfig:
        shares = [size for size in (self.test_size, self.validation_size) if isinstance(size, float)]
        if sum(shares) >= 1.0:
            raise ValueError("test_size and validation_size leave no training rows")
        return self


@NodeRegistry.register("GroupSplit")
class GroupSplitter(Splitter[GroupSplitConfig]):
    """Hold out whole groups of rows, so that no group is on two sides.

    Draws the groups that scikit-learn's GroupShuffleSplit draws on the same random state; sizes count groups, not rows.
    Each split holds its rows in the order of the frame. A row without a group is refused. The column stays a feature:
    drop it with DropColumns.

    >>> data = pl.DataFrame({"patient": ["a", "b", "a", "c", "b"], "y": [0, 1, 0, 1, 0]})
    >>> rows = GroupSplitter().split(data, GroupSplitConfig(target="y", group="patient", test_size=1), task=None)
    >>> rows.train.tolist(), rows.test.tolist()
    ([1, 3, 4], [0, 2])

    >>> GroupSplitter().split(data.head(1), GroupSplitConfig(target="y", group="patient"), task=None)
    Traceback (most recent call last):
    skyulf_core.problems.DataError: all rows are of one group in 'patient', which cannot be split; group by \
another column, or use TrainTestSplit
    """

    family = "splitting"
    keywords = ("group", "patient", "customer", "cluster", "holdout", "leakage", "target")
    examples = (
        {"target": "label", "group": "city", "test_size": 0.3},
        {"target": "value", "group": "count", "test_size": 2, "validation_size": 1},
        {"target": "label", "group": "day", "validation_size": 0.25, "random_state": 1},
    )
    reference = "sklearn.model_selection.GroupShuffleSplit"
    tolerance = 0

    def target(self, config: GroupSplitConfig) -> str | None:
        """Return the column to predict."""
        return config.target

    def check(self, schema: Schema, config: GroupSplitConfig) -> list[Problem]:
        """Refuse a column that holds no groups."""
        found = column_problems(schema, "group", config.group, config.target, _ACCEPTED)
        return target_problems(schema, config.target) + found

    def split(self, data: pl.DataFrame, config: GroupSplitConfig, *, task: Task | None) -> SplitRows:
        """Return row positions of each split, in the order of the frame."""
        rows = usable_rows(data, config)
        column = complete(data, config.group, rows)
        if dtype_of(column.dtype) not in _ACCEPTED:
            message = f"column {config.group!r} is {dtype_of(column.dtype)}; its values are no groups"
            raise DataError(message, reason="wrong-type", column=config.group)
        # numbers of the groups in their sorted order: the draw depends on it
        codes = column.rank("dense").cast(pl.Int64).to_numpy()
        groups = np.unique(codes)
        rest, test = _divide(groups, config.test_size, config)
        parts = [test]
        if config.validation_size is not None:
            size = config.validation_size
            share = size * len(groups) / len(rest) if isinstance(size, float) else size
            rest, validation = _divide(rest, share, config)
            parts.append(validation)
        return SplitRows(rows[np.isin(codes, rest)], *(rows[np.isin(codes, part)] for part in parts))


def _divide(
    groups: NDArray[np.int64], size: float, config: GroupSplitConfig
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    from sklearn.model_selection import ShuffleSplit  # what GroupShuffleSplit draws groups with

    try:
        kept, held = next(ShuffleSplit(1, test_size=size, random_state=config.random_state).split(groups))
    except ValueError as error:
        message = (
            f"all rows are of one group in {config.group!r}, which cannot be split; group by another column, or use "
            "TrainTestSplit"
            if len(groups) == 1
            else f"{len(groups)} groups in {config.group!r} are too few to split; take more, or hold out another share"
        )
        raise DataError(message, reason="too-few-groups", column=config.group) from error
    return groups[kept], groups[held]
