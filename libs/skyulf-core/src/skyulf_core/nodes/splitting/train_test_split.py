"""TrainTestSplit: rows held out to judge the model with."""

from __future__ import annotations

import math
from typing import Annotated, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field, StrictFloat, StrictInt, model_validator

from skyulf_core.nodes.base import Kind, NodeConfig, SplitRows, Splitter, Task
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.problems import DataError, Problem
from skyulf_core.schema import Schema

Size: TypeAlias = Annotated[StrictInt, Field(ge=1)] | Annotated[StrictFloat, Field(gt=0.0, lt=1.0)]


class TrainTestSplitConfig(NodeConfig):
    """What to predict, and which rows to hold out."""

    target: str = Field(title="Target", description="The column to predict.", json_schema_extra={"x-widget": "column"})
    test_size: Size = Field(default=0.2, title="Test size", description="Share of the rows, or their number.")
    validation_size: Size | None = Field(
        default=None,
        title="Validation size",
        description="Share (of all rows) or number of rows for validation, beside the test.",
    )
    stratify: bool = Field(
        default=False,
        title="Stratify",
        description="Give each split the same share of every class. Classification only.",
        json_schema_extra={"x-visible-if": {"shuffle": True}},
    )
    shuffle: bool = Field(
        default=True, title="Shuffle", description="Draw rows at random; otherwise the last ones are held out."
    )
    random_state: int = Field(
        default=42,
        ge=0,
        le=2**32 - 1,
        title="Random state",
        description="The same number draws the same rows.",
        json_schema_extra={"x-visible-if": {"shuffle": True}},
    )
    drop_missing_target: bool = Field(
        default=False,
        title="Drop rows without target",
        description="Leave out rows whose target is missing, instead of refusing them.",
    )

    @model_validator(mode="after")
    def _consistent(self) -> TrainTestSplitConfig:
        if self.stratify and not self.shuffle:
            raise ValueError("stratify needs shuffle: true")
        shares = [size for size in (self.test_size, self.validation_size) if isinstance(size, float)]
        if sum(shares) >= 1.0:
            raise ValueError("test_size and validation_size leave no training rows")
        return self


@NodeRegistry.register("TrainTestSplit")
class TrainTestSplitter(Splitter[TrainTestSplitConfig]):
    """Hold out test rows (and validation rows) that nothing is learned from.

    Draws the same rows as scikit-learn's `train_test_split` with the same sizes, random state and stratification.

    >>> data = pl.DataFrame({"x": range(10), "y": [0, 1] * 5})
    >>> rows = TrainTestSplitter().split(data, TrainTestSplitConfig(target="y", test_size=0.3), task=None)
    >>> rows.test.tolist()
    [8, 1, 5]

    >>> TrainTestSplitter().split(data.head(1), TrainTestSplitConfig(target="y"), task=None)
    Traceback (most recent call last):
    skyulf_core.problems.DataError: 1 row is too few to split; take more, or hold out another share
    """

    family = "splitting"
    kind = Kind.SPLITTER
    keywords = ("train", "test", "validation", "holdout", "stratify", "target")
    examples = (
        {"target": "label"},
        {"target": "label", "stratify": True, "validation_size": 0.2},
        {"target": "value", "shuffle": False, "test_size": 10},
        {"target": "plan", "drop_missing_target": True},
    )
    reference = "sklearn.model_selection.train_test_split"
    tolerance = 0

    def target(self, config: TrainTestSplitConfig) -> str | None:
        """Return the column to predict."""
        return config.target

    def check(self, schema: Schema, config: TrainTestSplitConfig) -> list[Problem]:
        """Refuse a target that is neither number, boolean nor text."""
        column = schema.find(config.target)
        if column is None or column.dtype in ("integer", "float", "boolean", "string", "category"):
            return []
        message = f"The target {config.target!r} is {column.dtype}; it must hold numbers, booleans or texts."
        return [Problem("/target", message, "wrong-type")]

    def split(self, data: pl.DataFrame, config: TrainTestSplitConfig, *, task: Task | None) -> SplitRows:
        """Return row positions of each split."""
        target = data[config.target]
        rows = np.arange(data.height)
        if config.drop_missing_target:
            rows = np.flatnonzero(target.is_not_null().to_numpy())
        codes = _codes(target) if config.stratify else None
        if config.stratify:
            _check_classes(target.gather(rows))
        rest, test = _divide(rows, config.test_size, config, codes)
        if config.validation_size is None:
            return SplitRows(rest, test)
        size = config.validation_size
        share = size * len(rows) / len(rest) if isinstance(size, float) else size
        if config.stratify:
            _check_classes(target.gather(rest))
        train, validation = _divide(rest, share, config, codes)
        return SplitRows(train, test, validation)


def _codes(target: pl.Series) -> NDArray[np.int64]:
    """Return a number per class, in the sorted order of the classes (the draw depends on it)."""
    return target.rank("dense").fill_null(0).cast(pl.Int64).to_numpy()


def _divide(
    rows: NDArray[np.int64], size: float, config: TrainTestSplitConfig, codes: NDArray[np.int64] | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    from sklearn.model_selection import train_test_split  # costs a second of import; a catalogue does not need it

    classes = None if codes is None else codes[rows]
    try:
        kept, held = train_test_split(
            rows, test_size=size, shuffle=config.shuffle, random_state=config.random_state if config.shuffle else None,
            stratify=classes,
        )  # fmt: skip
    except ValueError as error:
        raise DataError(_too_few(len(rows), size, classes), reason="too-few-rows") from error
    return kept, held


def _too_few(rows: int, size: float, classes: NDArray[np.int64] | None) -> str:
    remedy = "take more, or hold out another share" + ("" if classes is None else ", or do not stratify")
    held = math.ceil(size * rows) if isinstance(size, float) else size
    count = 0 if classes is None else len(np.unique(classes))
    if min(held, rows - held) < count:
        return (
            f"{held:,} of {rows:,} rows held out do not leave one of each of {count:,} classes on both sides; {remedy}"
        )
    return f"{'1 row is' if rows == 1 else f'{rows:,} rows are'} too few to split; {remedy}"


def _check_classes(target: pl.Series) -> None:
    """Refuse classes that cannot be on both sides."""
    single = target.rename("label").value_counts(name="rows").filter(pl.col("rows") < 2)["label"].sort()
    if not len(single):
        return
    more = f", as have {len(single) - 1:,} others" if len(single) > 1 else ""
    message = (
        f"class {single.first()!r} of {target.name!r} has 1 row to divide{more}, and a stratified split needs 2; take "
        "more rows of it, merge it with another class, or do not stratify"
    )
    raise DataError(message, reason="class-too-small", column=target.name)
