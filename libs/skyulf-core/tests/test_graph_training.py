"""Graphs learn from training rows only: branches, merges with owners, joins with reference data, bundles."""

import numpy as np
import polars as pl
import pytest
from skyulf_core import DataError, InvalidConfigError, Pipeline, validate
from skyulf_core.schema import Schema
from skyulf_core.serving import load_plan, verify
from skyulf_core.testing import sample_frame
from skyulf_core.testing.compare import require_same_params

FRAME = sample_frame(120).select("number", "count", "price", "plan", "city", "label")
SPLIT = {"id": "split", "node": "TrainTestSplit", "config": {"target": "label", "random_state": 3}}
MODEL = {"node": "logistic_regression", "config": {"max_iter": 500}}


def node(identity, name, inputs, **config):
    return {"id": identity, "node": name, "config": config, "inputs": inputs}


def branches(**merge):
    return {
        "nodes": [
            SPLIT,
            node("fill", "SimpleImputer", ["split"]),
            node("numbers", "DropColumns", ["fill"], columns=["plan", "city"]),
            node("scale", "StandardScaler", ["numbers"]),
            node("encode", "OneHotEncoder", ["fill"]),
            node("all", "Merge", ["scale", "encode"], **merge),
            {"id": "model", **MODEL, "inputs": ["all"]},
        ]
    }


def in_a_line(*steps):
    return {"steps": [{**SPLIT, "id": "split"}, *steps], "model": MODEL}


FILL, SCALE, ENCODE = {"node": "SimpleImputer"}, {"node": "StandardScaler"}, {"node": "OneHotEncoder"}


@pytest.mark.parametrize(
    ("merge", "line"),
    [
        ({"on_conflict": "first"}, in_a_line(FILL, SCALE, ENCODE)),
        ({"on_conflict": "last"}, in_a_line(FILL, ENCODE)),
        ({"owners": {"number": "scale", "count": "scale", "price": "scale"}}, in_a_line(FILL, SCALE, ENCODE)),
        (
            {"owners": {"number": "scale"}, "on_conflict": "last"},
            in_a_line(FILL, {"node": "StandardScaler", "config": {"columns": ["number"]}}, ENCODE),
        ),
    ],
)
def test_branches_give_what_a_line_of_the_same_nodes_gives(merge, line):
    drawn = Pipeline.from_config(branches(**merge)).fit(FRAME)
    listed = Pipeline.from_config(line).fit(FRAME)

    names = sorted(listed.fitted.model.features)
    assert sorted(drawn.fitted.model.features) == names
    assert drawn.transform(FRAME).select(names).equals(listed.transform(FRAME).select(names))
    assert drawn.predict(FRAME).equals(listed.predict(FRAME))
    assert drawn.evaluate().metrics == pytest.approx(listed.evaluate().metrics, abs=1e-6)


def test_a_conflict_is_found_without_data_and_in_training():
    config = branches()

    problems = validate(config, Schema.from_frame(FRAME)).problems
    with pytest.raises(InvalidConfigError, match="Columns are made differently by several inputs"):
        Pipeline.from_config(config).fit(FRAME)

    assert [(problem.pointer, problem.code) for problem in problems] == [
        ("/nodes/5/config/on_conflict", "column-conflict")
    ]
    assert all(repr(name) in problems[0].message for name in ("number", "count", "price"))


def test_what_no_branch_has_changed_is_no_conflict():
    config = {
        "nodes": [
            SPLIT,
            node("fill", "SimpleImputer", ["split"], columns=["number"]),
            node("a", "OneHotEncoder", ["fill"], columns=["plan"]),
            node("b", "OneHotEncoder", ["fill"], columns=["city"]),
            node("a2", "DropColumns", ["a"], columns=["city"]),
            node("b2", "DropColumns", ["b"], columns=["plan"]),
            node("all", "Merge", ["a2", "b2"]),
            {"id": "model", **MODEL, "inputs": ["all"]},
        ]
    }

    pipeline = Pipeline.from_config(config).fit(FRAME)

    assert pipeline.transform(FRAME).columns[:3] == ["number", "count", "price"]
    assert pipeline.fitted.steps[-1].columns == tuple(pipeline.transform(FRAME).columns)


def test_held_out_rows_teach_no_branch_anything():
    config = branches(on_conflict="first")
    plain = Pipeline.from_config(config).fit(FRAME)
    train = plain.fit_transform(FRAME).height
    held = Pipeline.from_config({"steps": [SPLIT]}).fit(FRAME)
    kept = held.fit_transform(FRAME.with_row_index("row"))["row"]
    wild = FRAME.with_row_index("row").with_columns(
        pl.when(pl.col("row").is_in(kept.implode())).then(name).otherwise(pl.lit(value)).alias(name)
        for name, value in {"number": -9e6, "price": 9e6, "city": "wild"}.items()
    )

    altered = Pipeline.from_config(config).fit(wild.drop("row"))

    assert train == 96
    for one, other in zip(plain.fitted.steps, altered.fitted.steps, strict=True):
        require_same_params(other.params, one.params, one.id)
    assert plain.evaluate().metrics != altered.evaluate().metrics


def test_rows_are_changed_before_the_branches_part():
    nodes = branches(on_conflict="first")["nodes"]
    fewer = node("fewer", "DropMissingRows", ["split"], subset=["number"])
    nodes = [SPLIT, fewer, {**nodes[1], "inputs": ["fewer"]}, *nodes[2:]]

    pipeline = Pipeline.from_config({"nodes": nodes})

    assert pipeline.fit_transform(FRAME).height < 96
    assert len(pipeline.predict(FRAME)) == 120
    assert pipeline.evaluate().rows == 24


def test_nodes_are_refused_as_before_whatever_branch_they_stand_in():
    config = branches(on_conflict="first")
    empty = FRAME.with_columns(number=pl.lit(None, pl.Float64))

    with pytest.raises(DataError, match=r"^SimpleImputer: column 'number'"):
        Pipeline.from_config(config).fit(empty)


def test_a_graph_is_saved_and_read(tmp_path):
    pipeline = Pipeline.from_config(branches(on_conflict="first")).fit(FRAME)

    again = Pipeline.load(pipeline.save(tmp_path))

    assert again.predict_proba(FRAME).equals(pipeline.predict_proba(FRAME))
    assert again.config == pipeline.config
    assert again.fitted.steps == pipeline.fitted.steps
    assert again.fingerprint() == pipeline.fingerprint()
    assert verify(tmp_path).largest_difference == 0.0
    assert load_plan(tmp_path).required_fields == {"number", "count", "price", "plan", "city"}


def test_a_bundle_of_before_graphs_is_still_read(tmp_path):
    pipeline = Pipeline.from_config(in_a_line(FILL, ENCODE)).fit(FRAME)
    pipeline.save(tmp_path)
    for path in (tmp_path / "nodes").glob("*.json"):
        text = path.read_text()
        assert '"inputs"' not in text
        path.write_text(
            text[: text.index(', "columns": ["number"')] + "}" if ', "columns": ["number"' in text else text
        )

    again = Pipeline.load(tmp_path)

    assert {step.columns for step in again.fitted.steps} == {None}
    assert again.predict(FRAME).equals(pipeline.predict(FRAME))


ORDERS = pl.DataFrame(
    {
        "shop": [i % 12 if i % 17 else None for i in range(240)],
        "amount": np.random.default_rng(1).gamma(2.0, 10.0, 240),
        "late": [i % 12 in (1, 4, 5) for i in range(240)],
    }
)
SHOPS = pl.DataFrame(
    {"id": range(10), "size": [float(i % 5) for i in range(10)], "region": ["n", "s"] * 5, "open": [True, False] * 5}
)


def joined(how="left", **config):
    return {
        "sources": ["orders", "shops"],
        "nodes": [
            node("part", "SelectColumns", ["shops"], columns=["id", "size", "region"]),
            node("join", "Join", ["orders", "part"], left_on=["shop"], right_on=["id"], how=how, **config),
            {"id": "split", "node": "TrainTestSplit", "config": {"target": "late"}, "inputs": ["join"]},
            node("encode", "OneHotEncoder", ["split"]),
            node("model", "hist_gradient_boosting_classifier", ["encode"], max_iter=5),
        ],
    }


@pytest.mark.parametrize(("how", "rows"), [("left", 240), ("inner", None)])
def test_rows_look_their_partners_up_in_what_training_kept(how, rows, tmp_path):
    pipeline = Pipeline.from_config(joined(how)).fit({"orders": ORDERS, "shops": SHOPS})
    partners = ORDERS.filter(pl.col("shop") < 10).height

    found = pipeline.predict({"orders": ORDERS})

    trained = pipeline.fit_transform({"orders": ORDERS, "shops": SHOPS}).height
    assert trained + pipeline.evaluate().rows == (rows or partners)
    assert len(found) == 240
    assert found.equals(pipeline.predict(ORDERS))
    assert pipeline.evaluate(ORDERS).metrics["accuracy"] > 0.9
    plan = load_plan(pipeline.save(tmp_path))
    answers = [plan.predict_row({"shop": s, "amount": a}).predictions[0] for s, a, _ in ORDERS.rows()]
    assert answers == found.to_list()
    assert verify(tmp_path).rows == 20
    assert Pipeline.load(tmp_path).predict(ORDERS).equals(found)


def test_sources_are_asked_for_by_name():
    pipeline = Pipeline.from_config(joined())

    for frames, reason in (
        (ORDERS, "missing-source"), ({"orders": ORDERS}, "missing-source"),
        ({"orders": ORDERS, "shops": SHOPS, "shop": SHOPS}, "unknown-source"),
    ):  # fmt: skip
        with pytest.raises(DataError) as caught:
            pipeline.fit(frames)
        assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("shops", "reason"),
    [
        (pl.concat([SHOPS, SHOPS.head(1)]), "duplicate-keys"),
        (SHOPS.with_columns(size=pl.lit(float("inf"))), "not-finite"),
        (pl.DataFrame({"id": range(100_001), "size": 1.0, "region": "n"}), "too-many-rows"),
    ],
)
def test_reference_data_that_cannot_be_kept_is_refused(shops, reason):
    with pytest.raises(DataError, match="Join: ") as caught:
        Pipeline.from_config(joined()).fit({"orders": ORDERS, "shops": shops})

    assert caught.value.reason == reason


def test_an_inner_join_without_partners_leaves_nothing_to_learn_from():
    with pytest.raises(DataError, match="no row has a partner"):
        Pipeline.from_config(joined("inner")).fit({"orders": ORDERS, "shops": SHOPS.with_columns(pl.col("id") + 900)})
