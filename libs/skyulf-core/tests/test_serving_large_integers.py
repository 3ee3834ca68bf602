"""Integers that floats do not tell apart: a null beside them changes the answer of no other row."""

import numpy as np
import polars as pl
import pytest
from drawn import CONFIGS
from hypothesis import given
from hypothesis import strategies as st
from rows_and_batches import assert_row_is_batch, rows_of
from skyulf_core import DataError, NodeRegistry, Pipeline
from skyulf_core.nodes.base import RowApplier, TargetAwareCalculator
from skyulf_core.serving import load_plan
from skyulf_core.serving.ops import (
    Affine,
    Bins,
    Cast,
    Clip,
    Compute,
    Copy,
    GroupLookup,
    Hash,
    Impute,
    IterativeImpute,
    KnnImpute,
    Lookup,
    MissingFlags,
    OneHot,
    Ordinal,
    QuantileMap,
    ReplaceOutside,
    Require,
    Transform,
)
from skyulf_core.testing import check_plan

EDGE = 2**53
large = (
    st.none() | st.integers(-(2**63), 2**63 - 1) | st.integers(EDGE - 3, EDGE + 3) | st.integers(-EDGE - 3, 3 - EDGE)
)
LISTED = (EDGE, EDGE + 1, -EDGE - 1, 2**63 - 1)

OPERATIONS = [
    Affine(("i",), (0.5,), (3.0,)),
    Bins(("i",), ((0.0, 2.0**53),), (("low", "middle", "high"),), (None,), (2.0**62,), ("none",)),
    *(Cast(("i",), to, source_integer=("i",)) for to in ("int64", "uint64", "float64", "string", "boolean", "int32")),
    Clip(("i",), (0.0,), (None,)),
    Clip(("i",), (-5.5,), (2.0**62,)),
    Clip(("i",), (None,), (2.0**53,)),
    Compute(("x", "y"), (("add", ("col", "i"), ("lit", 1.0)), ("eq", ("col", "i"), ("lit", 2.0**53)))),
    Copy(("i",), ("c",)),
    GroupLookup(("i", "j"), tuple((key, 1) for key in LISTED), ("o",), (LISTED,), (None,)),
    GroupLookup(("j",), ((1,), (None,)), ("i",), ((EDGE + 1, 5),), (None,), "fill"),
    GroupLookup(("j",), ((1,), (None,)), ("i",), ((0.5, None),), (7.0,), "fill"),
    Hash(("i",), ("i=",), ("h0", "h1", "h2")),
    *(Impute(("i",), (fill,)) for fill in (EDGE + 1, 3, 0.5)),
    Impute(("j",), (EDGE + 1,)),
    IterativeImpute(("i", "j"), (1.0, 2.0), (0, 1), 1, "linear", np.ones((2, 2)), np.ones(2)),
    KnnImpute(("i", "j"), np.array([[1.0, 2.0], [1e18, 3.0], [2.0**53, 1.0]]), 1),
    Lookup(("i",), (LISTED,), ((1, EDGE + 1, 3, None),), (EDGE + 3,)),
    *(Lookup(("i",), (LISTED[:2],), (to,), (None,), True) for to in ((EDGE + 1, EDGE), (0.5, None), (None, 3))),
    MissingFlags(("i",), ("m",)),
    OneHot("i", LISTED, ("a", "b", "c", "d"), missing_output="n"),
    OneHot("i", LISTED, ("a", "b", "c", "d"), "error"),
    Ordinal(("i",), (LISTED,), -1.0, -2.0),
    QuantileMap(("i",), np.array([[0.0, 2.0**53, 2.0**60]]), np.array([0.0, 0.5, 1.0]), "uniform"),
    ReplaceOutside(("i",), (0.0,), (None,), (None,)),
    *(ReplaceOutside(("i",), (-5.0,), (2.0**60,), (other,)) for other in (None, 7, 0.5)),
    Require(("i", "i"), (("allowed", LISTED), ("range", -(2.0**62), None))),
    Transform(("i",), ("sqrt",), "null"),
]


@pytest.mark.parametrize("op", OPERATIONS, ids=[f"{n}-{op.op}" for n, op in enumerate(OPERATIONS)])
@given(rows=rows_of(i=large, j=st.none() | st.integers(0, 2), o=st.just(0)))
def test_a_row_is_its_place_in_a_batch(op, rows):
    assert_row_is_batch(op, rows)


ON_INTEGERS = [
    (node, config)
    for node, config in CONFIGS
    if {name for _, name in NodeRegistry.get(node).config_model.model_validate(config).named_columns()} >= {"i"}
]
FRAME = pl.DataFrame(
    {
        "f": [0.5, None, -2.5, 127.9, 300.0, 0.5, 1.0, 0.0],
        "i": [EDGE, EDGE + 1, None, EDGE + 3, -EDGE - 1, 2**62 + 1, 0, 3],
        "b": [True, False, None, True, True, False, False, True],
        "t": ["a", "b", None, "a", "", "b", "a", "é"],
        "n": ["1", "2", "3", None, "1", "2", "3", "1"],
    }
)


@pytest.mark.parametrize(("node", "config"), ON_INTEGERS, ids=[f"{n}-{i}" for i, (n, _) in enumerate(ON_INTEGERS)])
def test_frames_and_plans_agree_on_every_digit(node, config):
    entry = NodeRegistry.get(node)
    parsed = entry.config_model.model_validate(config)
    names = list(dict.fromkeys(name for _, name in parsed.named_columns()))
    if not set(names) <= set(FRAME.columns) or isinstance(entry.applier, RowApplier):
        return
    train, target = FRAME.select(names), pl.Series("y", ["no", "yes"] * 4)
    try:
        if isinstance(entry.calculator, TargetAwareCalculator):
            params = entry.calculator.fit(train, target, parsed)
        else:
            params = entry.calculator.fit(train, parsed)
    except DataError:
        return

    check_plan(entry.applier, params, train)
    check_plan(entry.applier, params, train.drop_nulls())


@pytest.mark.parametrize("node", ["OneHotEncoder", "OrdinalEncoder", "TargetEncoder"])
def test_a_null_in_a_batch_changes_no_other_answer(node, tmp_path):
    frame = pl.DataFrame({"account": [EDGE, EDGE + 1, None] * 40, "y": ["good", "bad", "bad"] * 40})
    steps = [
        {"node": "FeatureTargetSplit", "config": {"target": "y"}},
        {"node": node, "config": {"columns": ["account"]}},
    ]
    model = {"node": "hist_gradient_boosting_classifier"}
    plan = load_plan(Pipeline.from_config({"steps": steps, "model": model}).fit(frame).save(tmp_path / "model"))
    rows = [{"account": EDGE}, {"account": EDGE + 1}] + [{"account": 5}] * 64

    alone = [plan.predict_row(row).predictions[0] for row in rows]

    assert alone[:2] == ["good", "bad"]
    assert plan.predict_rows(rows).predictions == alone
    assert plan.predict_rows([*rows, {"account": None}]).predictions[:-1] == alone


@pytest.mark.parametrize("model", ["hist_gradient_boosting_regressor", "hist_gradient_boosting_classifier"])
def test_trees_compare_integers_beyond_2_53_alike_on_a_row_and_in_a_batch(model, tmp_path):
    frame = pl.DataFrame({"i": [EDGE + i for i in range(120)], "y": [i % 10 for i in range(120)]})
    steps = [{"node": "TrainTestSplit", "config": {"target": "y", "random_state": 2}}]
    config = {"steps": steps, "model": {"node": model, "config": {"min_samples_leaf": 2}}}
    pipeline = Pipeline.from_config(config).fit(frame)
    plan, rows = load_plan(pipeline.save(tmp_path / "model")), frame.drop("y").to_dicts()

    batch = plan.predict_batch(rows).predictions

    assert [plan.predict_row(row).predictions[0] for row in rows] == batch == pipeline.predict(frame).to_list()
