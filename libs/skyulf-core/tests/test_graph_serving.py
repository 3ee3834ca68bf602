"""Any graph answers the same as a library, as a plan on rows, as a plan on columns, as a bundle and as a script."""

import json

import polars as pl
import pytest
from drawn import examples
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from skyulf_core import Pipeline
from skyulf_core.bundle import serving_model
from skyulf_core.bundle.writing import bundle_files
from skyulf_core.serving import load_plan, verify
from skyulf_core.serving.ops import Op
from skyulf_core.testing import sample_frame

COLUMNS = ["number", "count", "flag", "plan", "city", "label"]
FRAME = sample_frame(90).select(COLUMNS)
NEW = sample_frame(25, seed=5).select(COLUMNS).with_columns(city=pl.when(pl.col("count") > 4).then(pl.col("city")))
PLANS = pl.DataFrame({"plan": ["basic", "pro"], "price": [1.5, None], "city": ["Oslo", "Rome"]})
UNARY = [
    ("SimpleImputer", {}),
    ("SimpleImputer", {"strategy": "most_frequent"}),
    ("StandardScaler", {}),
    ("Winsorize", {}),
    ("OneHotEncoder", {}),
    ("OneHotEncoder", {"columns": ["plan"], "include_missing": True}),
    ("OrdinalEncoder", {}),
    ("FrequencyEncoder", {"columns": ["city"]}),
    ("DropColumns", {"columns": ["city"]}),
    ("DropColumns", {"columns": ["number"]}),
    ("Casting", {"types": {"count": "string"}}),
    ("Casting", {"types": {"number": "int32", "flag": "float64"}}),
    ("RenameColumns", {"mapping": {"number": "branch:number"}}),
    ("SelectColumns", {"columns": ["count", "plan"]}),
]


@st.composite
def graphs(draw):
    """Return a graph of up to eight nodes: perhaps a join, a split, branches and their merge, an encoder, a model."""
    joins = draw(st.booleans())
    nodes, sources = [], None
    first = []
    if joins:
        sources = ["rows", "plans"]
        nodes.append(_node("join", "Join", {"on": ["plan"]}, ["rows", "plans"]))
        first = ["join"]
    nodes.append(_node("split", "TrainTestSplit", {"target": "label", "random_state": 1}, first))
    for index in range(draw(st.integers(1, 4 - joins))):
        name, config = draw(st.sampled_from(UNARY))
        after = draw(st.sampled_from([each["id"] for each in nodes if each["id"] != "join"]))
        nodes.append(_node(draw(st.sampled_from(["n", "n:", "branch"])) + str(index), name, config, [after]))
    ends = [each["id"] for each in nodes if not any(each["id"] in other["inputs"] for other in nodes)]
    if len(ends) > 1:
        rule = draw(st.sampled_from(["first", "last"]))
        nodes.append(_node("merge", "Merge", {"on_conflict": rule}, draw(st.permutations(ends))))
        ends = ["merge"]
    nodes.append(_node("encode", "OneHotEncoder", {}, ends))
    nodes.append(_node("model", "hist_gradient_boosting_classifier", {"max_iter": 2}, ["encode"]))
    order = draw(st.permutations(nodes))
    return {"nodes": order, **({"sources": sources} if sources else {})}


def _node(identity, name, config, inputs):
    return {"id": identity, "node": name, "config": config, "inputs": inputs}


def fitted(config):
    """Train a drawn graph; None where the drawn nodes do not fit together (a column is dropped before it is used)."""
    frames = {"rows": FRAME, "plans": PLANS} if "sources" in config else FRAME
    try:
        return Pipeline.from_config(config).fit(frames)
    except Exception as error:
        if getattr(error, "problems", None) or getattr(error, "reason", None):
            return None
        raise


def rows_of(frame):
    return json.loads(frame.drop("label").write_json())


@examples(60, suppressed=[HealthCheck.filter_too_much])
@given(config=graphs())
def test_a_drawn_graph_answers_the_same_everywhere(config):
    pipeline = fitted(config)
    if pipeline is None:
        return
    wanted, probabilities = pipeline.predict(NEW).to_list(), pipeline.predict_proba(NEW).rows()
    rows = rows_of(NEW)

    model = serving_model(pipeline.fitted)
    batch, single = model.predict_batch(rows), [model.predict_row(row) for row in rows]

    assert batch.predictions == wanted == [one.predictions[0] for one in single]
    assert [tuple(row.values()) for row in batch.probabilities] == probabilities
    assert [tuple(one.probabilities[0].values()) for one in single] == probabilities
    files = bundle_files(pipeline.fitted)
    assert verify(files).largest_difference == 0.0
    assert pipeline.fitted.optional_columns() <= set(COLUMNS) - model.required_fields


@examples(15)
@given(config=graphs())
def test_a_drawn_graph_as_a_script_gives_the_same(config):
    pipeline = fitted(config)
    if pipeline is None:
        return
    module = {}

    exec(pipeline.to_python(), module)
    learned = module["fit"](*([FRAME, PLANS] if "sources" in config else [FRAME]))

    assert module["predict"](learned, NEW) == pipeline.predict(NEW).to_list()


@examples(25)
@given(config=graphs(), seed=st.randoms())
def test_a_fingerprint_knows_wiring_but_no_ids_and_no_order(config, seed):
    pipeline = fitted(config)
    if pipeline is None:
        return
    renamed = {each["id"]: f"x{i}" for i, each in enumerate(config["nodes"])}
    nodes = [
        {**each, "id": renamed[each["id"]], "inputs": [renamed.get(name, name) for name in each["inputs"]]}
        for each in config["nodes"]
    ]
    seed.shuffle(nodes)

    assert Pipeline.from_config({**config, "nodes": nodes}).fingerprint() == pipeline.fingerprint()
    assert Pipeline.from_config(pipeline.config).fingerprint() == pipeline.fingerprint()


def branching(*tail):
    return {
        "nodes": [
            _node("split", "TrainTestSplit", {"target": "label"}, []),
            _node("a", "StandardScaler", {}, ["split"]),
            _node("b", "OneHotEncoder", {}, ["split"]),
            *tail,
            _node("model", "hist_gradient_boosting_classifier", {"max_iter": 3}, [tail[-1]["id"]]),
        ]
    }


def test_columns_cannot_clash_with_the_names_of_branches():
    names = {"number": "b:number", "count": "b:2:count", "plan": "b:plan"}
    frame = FRAME.rename(names)
    merge = _node("all", "Merge", {"on_conflict": "first"}, ["a", "b"])

    pipeline = Pipeline.from_config(branching(merge, _node("texts", "OneHotEncoder", {}, ["all"]))).fit(frame)

    rows = [{names.get(key, key): value for key, value in row.items()} for row in rows_of(NEW)]
    assert (
        serving_model(pipeline.fitted).predict_batch(rows).predictions == pipeline.predict(NEW.rename(names)).to_list()
    )
    assert all(Op.from_dict(op.to_dict()) == op for op in pipeline.serving_plan().ops[:-2])


def test_what_no_answer_needs_is_neither_asked_for_nor_copied(tmp_path):
    only_numbers = _node("numbers", "SelectColumns", {"columns": ["number", "count"]}, ["a"])
    only_flags = _node("flags", "SelectColumns", {"columns": ["flag"]}, ["b"])
    merge = _node("all", "Merge", {}, ["numbers", "flags"])

    pipeline = Pipeline.from_config(branching(only_numbers, only_flags, merge)).fit(FRAME)

    plan = load_plan(pipeline.save(tmp_path))
    assert plan.required_fields == {"number", "count", "flag"}
    assert pipeline.predict(NEW.select("number", "count", "flag")).equals(pipeline.predict(NEW))


def test_wiring_changes_the_fingerprint():
    first = _node("all", "Merge", {"on_conflict": "first"}, ["a", "b"])
    texts = _node("texts", "OneHotEncoder", {}, ["all"])
    prints = {
        Pipeline.from_config(branching({**first, **change}, texts)).fingerprint()
        for change in ({}, {"inputs": ["b", "a"]}, {"config": {"on_conflict": "first", "owners": {"count": "b"}}},
                       {"config": {"on_conflict": "first", "owners": {"count": "a"}}})
    }  # fmt: skip

    assert len(prints) == 4


def test_a_field_at_fault_is_named_as_the_client_knows_it():
    merge = _node("all", "Merge", {"on_conflict": "first"}, ["a", "b"])
    config = branching(merge, _node("texts", "OneHotEncoder", {"handle_unknown": "error"}, ["all"]))
    config["nodes"][2]["config"] = {"columns": ["city"], "handle_unknown": "error"}
    pipeline = Pipeline.from_config(config).fit(FRAME)

    with pytest.raises(Exception, match="city") as caught:
        serving_model(pipeline.fitted).predict_rows([{**rows_of(NEW)[0], "city": "Atlantis"}])

    assert {problem.field for problem in caught.value.problems} == {"city"}
