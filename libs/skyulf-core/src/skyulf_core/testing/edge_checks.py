"""What a node promises on data at the edges, and inside a pipeline."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from skyulf_core.data.frames import to_polars
from skyulf_core.nodes.base import Kind
from skyulf_core.nodes.splitting.train_test_split import TrainTestSplitConfig, TrainTestSplitter
from skyulf_core.params import Params
from skyulf_core.pipeline.pipeline import Pipeline
from skyulf_core.problems import DataError
from skyulf_core.testing.compare import (
    CheckError,
    require,
    require_same_frame,
    require_same_params,
    require_same_values,
)
from skyulf_core.testing.node_checks import Case
from skyulf_core.testing.plans import check_plan
from skyulf_core.testing.samples import TARGETS, sample_frame


def unseen_values_have_a_rule(case: Case) -> None:
    """Categories and numbers that training did not see are handled or refused, by frame and plan alike."""
    if case.changes_rows:
        return
    params = case.fit(case.data)
    strange = case.data.head(4).with_columns(
        pl.lit("never seen").alias("city"), pl.lit("").alias("plan"), pl.lit(-(10**9)).cast(pl.Int64).alias("count"),
        pl.lit(1e300).alias("number"),
    )  # fmt: skip
    check_plan(case.applier, params, strange)


def all_null_columns_have_a_rule(case: Case) -> None:
    """Columns without values teach or are refused clearly; with params from good rows they are handled or refused."""
    nothing = case.data.with_columns(pl.lit(None, dtype).alias(name) for name, dtype in case.data.schema.items())
    params = case.fit_or_refuse(nothing)
    if params is not None:
        _apply_and_compare(case, params, nothing)
    _apply_and_compare(case, case.fit(case.data), nothing)


def one_row_is_enough(case: Case) -> None:
    """One row teaches, or is refused clearly; one row is applied as it would be among others."""
    single = case.data.head(1)
    params = case.fit_or_refuse(single)
    if params is not None:
        _apply_and_compare(case, params, single)
    if case.changes_rows or case.entry.kind is Kind.HISTORY:  # where rows follow on each other, one is the next alone
        return
    params = case.fit(case.data)
    require_same_frame(case.applier.apply(single, params), case.applier.apply(case.data, params).head(1), "one row")


def no_rows_keep_the_schema(case: Case) -> None:
    """An empty frame comes out with the columns and types of a full one."""
    params = case.fit(case.data)
    empty, full = case.applier.apply(case.data.clear(), params), case.applier.apply(case.data, params)
    require(empty.height == 0, "rows out of nothing")
    require_same_frame(empty, full.clear(), "empty frame")
    case.fit_or_refuse(case.data.clear())


def missing_columns_are_named(case: Case) -> None:
    """A configured column that is not there is refused by name, in learning."""
    for _, name in case.config.named_columns():
        try:
            case.fit(case.data.drop(name))
        except DataError as error:
            require(name in str(error), f"the error does not name {name!r}: {error}")
            continue
        raise CheckError(f"the missing column {name!r} is not noticed")


def _apply_and_compare(case: Case, params: Params, data: pl.DataFrame) -> None:
    if case.changes_rows:
        case.applier.apply(data, params)
    else:
        check_plan(case.applier, params, data)


def _split_config(case: Case) -> dict[str, str | int]:
    return {"target": case.calculator.sample_target, "random_state": 3}


def _pipeline(case: Case) -> Pipeline:
    split = {"node": "TrainTestSplit", "config": _split_config(case)}
    other = [name for name in TARGETS if name != case.calculator.sample_target]
    drop = {"node": "DropColumns", "config": {"columns": other}}
    return Pipeline.from_config({"steps": [split, drop, {"node": case.entry.name, "config": dict(case.raw)}]})


def held_out_rows_teach_nothing(case: Case) -> None:
    """Whatever the held-out rows hold, the params stay the same."""
    frame = sample_frame(120)
    plain = _pipeline(case).fit(frame)
    train = _training_rows(case, frame)
    texts = [name for name, dtype in case.data.schema.items() if dtype == pl.String]
    try:
        altered = _pipeline(case).fit(_altered(frame, train, without=("iso", "digits")))
    except DataError:  # a node may refuse rows with texts that it has not learned
        altered = _pipeline(case).fit(_altered(frame, train, without=texts))
    require_same_params(altered.fitted.steps[-1].params, plain.fitted.steps[-1].params, "params")


def _altered(frame: pl.DataFrame, train: pl.Series, *, without: Sequence[str]) -> pl.DataFrame:
    wild = frame.drop(without).schema
    return frame.with_columns(
        pl.when(train).then(pl.col(name)).otherwise(_wild(dtype)).alias(name) for name, dtype in wild.items()
    )


def _training_rows(case: Case, frame: pl.DataFrame) -> pl.Series:
    config = TrainTestSplitConfig.model_validate(_split_config(case))
    rows = TrainTestSplitter().split(frame, config, task=None)
    return pl.int_range(frame.height, eager=True).is_in(rows.train.tolist())


def _wild(dtype: pl.DataType) -> pl.Expr:
    if dtype.is_numeric():
        return pl.lit(987_654_321).cast(dtype)
    if dtype == pl.String:
        return pl.lit("wild")
    return pl.lit(True) if dtype == pl.Boolean else pl.lit(None, dtype)


def pandas_and_polars_agree(case: Case) -> None:
    """The same table teaches the same and comes out the same, whichever library it is in."""
    frame = case.frame
    pandas = frame.to_pandas(date_as_object=True)
    one, other = _pipeline(case).fit(frame), _pipeline(case).fit(pandas)
    require_same_params(other.fitted.steps[-1].params, one.fitted.steps[-1].params, "params")
    try:
        wanted = one.transform(frame)
    except DataError:
        return
    found = other.transform(pandas)
    require(isinstance(wanted, pl.DataFrame) and not isinstance(found, pl.DataFrame), "another library comes out")
    if isinstance(wanted, pl.DataFrame) and not isinstance(found, pl.DataFrame):
        back = to_polars(found)
        require(back.columns == wanted.columns, f"columns {back.columns} instead of {wanted.columns}")
        for name in wanted.columns:
            require_same_values(back[name].to_list(), wanted[name].to_list(), f"pandas: {name}")


EDGE_CHECKS = (
    unseen_values_have_a_rule, all_null_columns_have_a_rule, one_row_is_enough, no_rows_keep_the_schema,
    missing_columns_are_named, held_out_rows_teach_nothing, pandas_and_polars_agree,
)  # fmt: skip
