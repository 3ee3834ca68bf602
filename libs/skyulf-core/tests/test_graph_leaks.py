"""No way through a graph lets test rows, or a row's own target, come into what training learns."""

import numpy as np
import polars as pl
import pytest
from skyulf_core import InvalidConfigError, NodeRegistry, Pipeline, Schema, validate
from skyulf_core.testing.compare import require_same_params

DRAWN = np.random.default_rng(1)
N = 60
ROWS = pl.DataFrame({"k": range(N), "x": DRAWN.normal(size=N), "y": ["p", "q"] * 30})
TWINS = pl.DataFrame({"k": range(N), "twin": [(i + 1) % N for i in range(N)]})
SPLIT = {"target": "y", "random_state": 0}
LOOKUP = {"on": ["k"]}
TWIN = {"left_on": ["twin"], "right_on": ["k"]}


def node(identity, name, inputs, **config):
    return {"id": identity, "node": name, "config": config, "inputs": inputs}


def graph(*nodes, end, sources=("a", "b")):
    return {"sources": list(sources), "nodes": [*nodes, node("m", "logistic_regression", [end])]}


SPLIT_ROWS = node("sp", "TrainTestSplit", ["a"], **SPLIT)
SCALE = node("sc", "StandardScaler", ["j3"])
TWIN_OF = node("j2", "Join", ["b", "a"], **TWIN)
BACK = node("j3", "Join", ["sp", "j2"], on=["k"], suffix="_r")


@pytest.mark.parametrize(
    ("config", "pointer", "way"),
    [
        (graph(TWIN_OF, SPLIT_ROWS, BACK, SCALE, end="sc"), "/nodes/2/inputs/1", "'a' → 'j2' → 'j3'"),
        (  # a further table and nodes in between
            graph(
                TWIN_OF,
                node("less", "DropColumns", ["j2"], columns=["x"]),
                node("c2", "RenameColumns", ["c"], mapping={"value": "twin"}),
                node("j4", "Join", ["c2", "less"], **TWIN),
                SPLIT_ROWS,
                node("j3", "Join", ["sp", "j4"], **LOOKUP),
                SCALE,
                end="sc",
                sources=("a", "b", "c"),
            ),
            "/nodes/5/inputs/1",
            "'a' → 'j2' → 'less' → 'j4' → 'j3'",
        ),
        (  # what is looked up is a branch behind the split
            graph(SPLIT_ROWS, {**TWIN_OF, "inputs": ["b", "sp"]}, BACK, SCALE, end="sc"),
            "/nodes/2/inputs/1",
            "'a' → 'sp' → 'j2' → 'j3'",
        ),
        (  # the join stands before the split
            graph(TWIN_OF, {**BACK, "inputs": ["a", "j2"]}, node("s", "TrainTestSplit", ["j3"], **SPLIT), end="s"),
            "/nodes/1/inputs/1",
            "'a' → 'j2' → 'j3'",
        ),
        (  # a merge brings it into the reference data
            graph(
                TWIN_OF,
                node("plain", "DropColumns", ["b"], columns=[]),
                node("both", "Merge", ["plain", "j2"]),
                SPLIT_ROWS,
                {**BACK, "inputs": ["sp", "both"]},
                SCALE,
                end="sc",
            ),
            "/nodes/4/inputs/1",
            "'a' → 'j2' → 'both' → 'j3'",
        ),
        (  # the join stands in one of two branches that are merged
            graph(
                TWIN_OF,
                SPLIT_ROWS,
                BACK,
                node("one", "SelectColumns", ["j3"], columns=["x_r"]),
                node("two", "StandardScaler", ["sp"]),
                node("all", "Merge", ["two", "one"]),
                end="all",
            ),
            "/nodes/2/inputs/1",
            "'a' → 'j2' → 'j3'",
        ),
        (  # the table of the target is only the right side of what is looked up last
            graph(
                node("j1", "Join", ["c", "b"], on=["k"]),
                node("j2", "Join", ["j1", "a"], **TWIN),
                SPLIT_ROWS,
                node("j0", "Join", ["sp", "d"], on=["k"]),
                node("j3", "Join", ["j0", "j2"], on=["k"], suffix="_r"),
                SCALE,
                end="sc",
                sources=("a", "b", "c", "d"),
            ),
            "/nodes/4/inputs/1",
            "'a' → 'j2' → 'j3'",
        ),
    ],
    ids=["twin", "longer", "branch", "before-split", "merged-reference", "merged-branches", "second-join"],
)
def test_rows_do_not_come_back_over_another_table(config, pointer, way):
    problems = validate(config).problems

    assert [(problem.pointer, problem.code, problem.node) for problem in problems] == [(pointer, "leakage", "j3")]
    assert way in problems[0].message
    assert "tables other than 'a'" in problems[0].suggestion
    with pytest.raises(InvalidConfigError, match="Leakage: the reference data of 'j3' holds values of 'a'"):
        Pipeline.from_config(config)


def test_rows_that_are_looked_up_in_themselves_are_refused_as_before():
    config = graph(SPLIT_ROWS, node("j2", "Join", ["a", "b"], **LOOKUP), BACK, SCALE, end="sc")

    assert [(p.pointer, p.code) for p in validate(config).problems] == [("/nodes/2/inputs/1", "join-with-itself")]


CHAIN = graph(
    node("j2", "Join", ["b", "c"], left_on=["twin"], right_on=["k"]),
    SPLIT_ROWS,
    BACK,
    node("sc", "StandardScaler", ["j3"], columns=["x", "value"]),
    end="sc",
    sources=("a", "b", "c"),
)


def test_reference_data_of_reference_data_teach_the_same_whatever_test_rows_hold():
    tables = {"b": TWINS, "c": pl.DataFrame({"k": range(N), "value": DRAWN.normal(size=N)})}
    held = Pipeline.from_config({"steps": [{"node": "TrainTestSplit", "config": SPLIT}]})
    train = held.fit(ROWS).fit_transform(ROWS)["k"].to_list()
    wild = ROWS.with_columns(pl.when(pl.col("k").is_in(train)).then("x").otherwise(pl.lit(-9e6)).alias("x"))

    plain = Pipeline.from_config(CHAIN).fit({"a": ROWS, **tables})
    altered = Pipeline.from_config(CHAIN).fit({"a": wild, **tables})

    assert validate(CHAIN).problems == []
    for one, other in zip(plain.fitted.steps, altered.fitted.steps, strict=True):
        require_same_params(other.params, one.params, one.id)


def test_reference_data_may_hold_a_table_twice():
    config = graph(
        node("j1", "Join", ["c", "b"], on=["k"], suffix="_1"),
        node("j2", "Join", ["b", "j1"], on=["k"], suffix="_2"),
        SPLIT_ROWS,
        BACK,
        end="j3",
        sources=("a", "b", "c"),
    )

    assert validate(config).problems == []


CROSS_FITTING = ["TargetEncoder", "WOEEncoder"]
AGAIN = {"node": "Oversampling", "config": {"strategy": "random"}}
REPEATING = [
    AGAIN,
    *({"node": "Oversampling", "config": {"strategy": name}} for name in ("smote", "adasyn", "smote_tomek")),
    {"node": "Undersampling", "config": {"replacement": True}},
]


def in_a_line(*steps):
    split = {"node": "TrainTestSplit", "config": SPLIT}
    return {"steps": [split, *steps], "model": {"node": "logistic_regression"}}


def test_all_nodes_that_cross_fit_are_known():
    found = [name for name in NodeRegistry.names() if getattr(NodeRegistry.get(name).calculator, "cross_fits", False)]

    assert found == CROSS_FITTING


@pytest.mark.parametrize("encoder", CROSS_FITTING)
@pytest.mark.parametrize("resampler", REPEATING)
def test_nothing_cross_fits_behind_copies_of_rows(encoder, resampler):
    config = in_a_line(resampler, {"node": "StandardScaler"}, {"node": encoder})

    problems = validate(config).problems

    title = resampler["node"]
    assert [(p.pointer, p.code, p.node) for p in problems] == [("/steps/3/node", "leakage", encoder)]
    assert "its own target would come back" in problems[0].message
    assert title in problems[0].message
    assert problems[0].suggestion == f"Move {encoder} before {title}."


def test_copies_are_found_on_every_way_through_a_graph():
    config = {
        "nodes": [
            node("split", "TrainTestSplit", [], **SPLIT),
            node("over", "Oversampling", ["split"], strategy="random"),
            node("left", "DropColumns", ["over"], columns=["city"]),
            node("right", "SelectColumns", ["over"], columns=["city"]),
            node("all", "Merge", ["left", "right"]),
            node("joined", "Join", ["all", "places"], on=["city"]),
            node("encode", "TargetEncoder", ["joined"]),
            node("weigh", "WOEEncoder", ["right"]),
            node("end", "Merge", ["encode", "weigh"]),
            node("model", "logistic_regression", ["end"]),
        ],
        "sources": ["rows", "places"],
    }
    config["nodes"][0]["inputs"] = ["rows"]

    found = {(problem.pointer, problem.code) for problem in validate(config).problems}

    assert found == {("/nodes/6/node", "leakage"), ("/nodes/7/node", "leakage")}


@pytest.mark.parametrize(
    "steps",
    [
        [{"node": "TargetEncoder"}, AGAIN],
        [{"node": "WOEEncoder"}, AGAIN],
        [{"node": "Undersampling"}, {"node": "TargetEncoder"}],
        [{"node": "Undersampling", "config": {"strategy": "nearmiss"}}, {"node": "WOEEncoder"}],
        [{"node": "DropMissingRows"}, {"node": "WOEEncoder"}],
        [AGAIN, {"node": "UnivariateSelection"}],
        [AGAIN, {"node": "OneHotEncoder"}],
    ],
)
def test_other_orders_are_no_leak(steps):
    assert validate(in_a_line(*steps)).problems == []


@pytest.mark.parametrize(("encoder", "column"), [("TargetEncoder", "id_target"), ("WOEEncoder", "id")])
def test_a_name_of_its_own_per_row_says_nothing_of_the_target(encoder, column):
    data = pl.DataFrame({"id": [f"row {i}" for i in range(400)], "y": (["p"] * 3 + ["q"]) * 100, "x": range(400)})
    config = in_a_line({"node": encoder, "config": {"columns": ["id"]}}, AGAIN)

    seen = Pipeline.from_config(config).fit_transform(data)

    assert seen.height > 400  # of 320 training rows
    assert seen[column].std() < 0.01


ENCODED = Schema.from_frame(pl.DataFrame({"id": ["a"], "g": ["b"], "t": [1], "y": [0.5]}))
ENCODE = {"node": "TargetEncoder", "config": {"columns": ["id"], "target_type": "continuous"}}
SCALED = {"node": "StandardScaler", "config": {"columns": ["id_target"]}}
RENAMED = {"node": "RenameColumns", "config": {"mapping": {"id_target": "other"}}}
MADE = {"node": "Arithmetic", "config": {"columns": ["id_target", "t"], "output": "other"}}
WRITTEN_OVER = {"node": "Arithmetic", "config": {"columns": ["id_target", "t"], "output": "t"}}


def carriers(column):
    return [
        {"node": "LagFeatures", "config": {"columns": [column], "sort_by": ["t"]}},
        {"node": "RollingAggregate", "config": {"columns": [column], "sort_by": ["t"]}},
        {"node": "GroupAggregate", "config": {"group_by": ["g"], "column": column, "aggregations": ["mean"]}},
    ]


@pytest.mark.parametrize("carrier", range(3))
@pytest.mark.parametrize(
    ("before", "column"),
    [([], "id_target"), ([SCALED], "id_target"), ([RENAMED], "other"), ([MADE], "other"), ([WRITTEN_OVER], "t")],
)
def test_no_node_hands_encoded_targets_from_row_to_row(carrier, before, column):
    drops = {"node": "DropColumns", "config": {"columns": ["g"]}}
    found = validate(in_a_line(ENCODE, *before, carriers(column)[carrier], drops), ENCODED).problems

    assert [(problem.pointer, problem.code) for problem in found] == [(f"/steps/{len(before) + 2}/node", "leakage")]
    assert "Move" in found[0].suggestion


@pytest.mark.parametrize("carrier", range(3))
def test_columns_encoded_in_place_are_not_handed_on_either(carrier):
    woe = {"node": "WOEEncoder", "config": {"columns": ["id"]}}
    drops = {"node": "DropColumns", "config": {"columns": ["g"]}}

    found = validate(in_a_line(woe, carriers("id")[carrier], drops), ENCODED).problems

    assert [(problem.pointer, problem.code) for problem in found] == [("/steps/2/node", "leakage")]


@pytest.mark.parametrize("carrier", range(3))
def test_other_columns_may_be_handed_on(carrier):
    plain = carriers("t")[carrier]
    drops = {"node": "DropColumns", "config": {"columns": ["g"]}}

    assert validate(in_a_line(ENCODE, plain, drops), ENCODED).problems == []
    assert validate(in_a_line(plain, ENCODE, drops), ENCODED).problems == []
