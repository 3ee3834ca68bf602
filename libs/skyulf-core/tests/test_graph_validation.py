"""Everything that is wrong with a graph is said at once, without data: the node, the field, the reason, what to do."""

import pytest
from skyulf_core import ColumnSchema, InvalidConfigError, Pipeline, Schema, validate

ROWS = Schema(
    [
        ColumnSchema("age", "float"),
        ColumnSchema("visits", "integer", nullable=False),
        ColumnSchema("plan", "string", nullable=False),
        ColumnSchema("shop", "integer", nullable=False),
        ColumnSchema("churn", "boolean", nullable=False),
    ]
)
SHOPS = Schema([ColumnSchema("shop", "integer"), ColumnSchema("size", "float"), ColumnSchema("opened", "date")])
SPLIT = ("split", "TrainTestSplit", {"target": "churn"}, [])
MODEL = ("model", "hist_gradient_boosting_classifier", {})


def node(identity, name, config, inputs):
    return {"id": identity, "node": name, "config": config, "inputs": list(inputs)}


def graph(*nodes, sources=None):
    return {"nodes": [node(*each) for each in nodes]} | ({"sources": sources} if sources else {})


def joined(*nodes):
    return graph(*nodes, sources=["visits", "shops"])


def found(config, schemas=ROWS):
    return {(problem.pointer, problem.code) for problem in validate(config, schemas).problems}


BRANCHES = (
    SPLIT,
    ("numbers", "DropColumns", {"columns": ["plan"]}, ["split"]),
    ("scaled", "StandardScaler", {"columns": ["visits"]}, ["numbers"]),
    ("texts", "OneHotEncoder", {}, ["split"]),
)


def test_a_good_graph_has_a_schema_at_every_node():
    merge = ("all", "Merge", {"owners": {"visits": "scaled"}}, ["scaled", "texts"])

    validation = validate(graph(*BRANCHES, merge, (*MODEL, ["all"])), ROWS)

    assert validation.problems == []
    assert {name: schema.names for name, schema in validation.nodes.items()} == {
        "split": ["age", "visits", "plan", "shop"],
        "numbers": ["age", "visits", "shop"],
        "scaled": ["age", "visits", "shop"],
        "texts": ["age", "visits", "shop", "plan_*"],
        "all": ["age", "visits", "shop", "plan_*"],
    }
    assert validation.nodes["all"].find("visits").dtype == "float"


def test_all_problems_of_a_graph_come_at_once():
    config = graph(
        ("scale", "StandardScaler", {}, []),
        ("split", "TrainTestSplit", {"target": "chrun"}, ["scale"]),
        ("drop", "DropMissingRows", {}, ["split"]),
        ("encode", "OneHotEncodr", {}, ["split"]),
        ("merge", "Merge", {"on_conflict": "frist"}, ["drop", "split"]),
        ("loop", "SimpleImputer", {}, ["pool"]),
        ("pool", "SimpleImputer", {}, ["loop"]),
        ("behind", "SimpleImputer", {}, ["pool"]),
        ("lost", "SimpleImputer", {}, ["spilt"]),
        ("two", "StandardScaler", {"columns": ["age"]}, ["split", "merge"]),
        ("merge", "DropColumns", {"columns": []}, ["split"]),
        ("model", "ridge_regression", {"alpah": 2}, ["merge"]),
        ("second", "ridge_regression", {}, ["merge"]),
    )

    problems = validate(config, ROWS).problems

    assert {(problem.pointer, problem.code) for problem in problems} == {
        ("/nodes/0/node", "leakage"),
        ("/nodes/1/config/target", "unknown-target"),
        ("/nodes/3/node", "unknown-node"),
        ("/nodes/3", "unused-node"),
        ("/nodes/4/config/on_conflict", "invalid-value"),
        ("/nodes/4/inputs/1", "unequal-rows"),
        ("/nodes/5/inputs", "cycle"),
        ("/nodes/5", "unused-node"),
        ("/nodes/6/inputs", "cycle"),
        ("/nodes/6", "unused-node"),
        ("/nodes/7/inputs", "unreachable"),
        ("/nodes/7", "unused-node"),
        ("/nodes/8/inputs/0", "dangling-edge"),
        ("/nodes/8", "unused-node"),
        ("/nodes/9/inputs", "several-inputs"),
        ("/nodes/9", "unused-node"),
        ("/nodes/10/id", "duplicate-id"),
        ("/nodes/11/config/alpah", "unknown-param"),
        ("/nodes/12/node", "second-model"),
        ("/nodes/12", "unused-node"),
    }
    by_code = {problem.code: problem for problem in problems}
    assert by_code["dangling-edge"].suggestion == "Did you mean 'split'?"
    assert by_code["several-inputs"].suggestion == "Combine them first: {node: Merge, inputs: [split, merge]}."
    assert by_code["unequal-rows"].message == (
        "'drop' (DropMissingRows) changes the training rows on the way to 'drop', not on the way to 'split'."
    )
    assert all(problem.node for problem in problems)


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        (  # one branch is split, the other is not
            [SPLIT, ("clean", "DropColumns", {"columns": ["plan"]}, []), ("all", "Merge", {}, ["split", "clean"]),
             (*MODEL, ["all"])],
            {("/nodes/2/inputs/1", "unequal-splits")},
        ),
        (  # each branch is split by itself
            [SPLIT, ("again", "TrainTestSplit", {"target": "churn"}, []), ("all", "Merge", {}, ["split", "again"]),
             ("texts", "OneHotEncoder", {}, ["all"]), (*MODEL, ["texts"])],
            {("/nodes/2/inputs/1", "unequal-splits")},
        ),
        (  # a splitter stands aside
            [SPLIT, ("texts", "OneHotEncoder", {}, []), (*MODEL, ["texts"])],
            {("/nodes/0", "unused-node"), ("/nodes/1/node", "leakage"), ("/nodes/2/inputs", "missing-splitter")},
        ),
        (
            [SPLIT, ("again", "TrainTestSplit", {"target": "churn"}, ["split"]),
             ("texts", "OneHotEncoder", {}, ["again"]), (*MODEL, ["texts"])],
            {("/nodes/1/node", "second-splitter")},
        ),
        (
            [SPLIT, ("texts", "OneHotEncoder", {}, ["split"]), (*MODEL, ["texts"]),
             ("more", "StandardScaler", {}, ["model"])],
            {("/nodes/2/node", "model-as-step"), ("/nodes/3", "unused-node")},
        ),
        (
            [("a", "SimpleImputer", {}, []), ("b", "StandardScaler", {}, ["a"]), ("c", "Winsorize", {}, ["a"])],
            {("/nodes/2", "several-ends")},
        ),
        ([("a", "Merge", {}, [])], {("/nodes/0/node", "too-few-inputs")}),
        ([("a", "Winsorize", {}, []), ("b", "Merge", {}, ["a", "a"])], {("/nodes/1/inputs/1", "duplicate-input")}),
        (
            [("a", "Winsorize", {}, []), ("b", "SimpleImputer", {}, []), ("c", "DropColumns", {"columns": []}, []),
             ("d", "Join", {"on": ["shop"]}, ["a", "b", "c"])],
            {("/nodes/3/inputs", "several-inputs"), ("/nodes/3/inputs/1", "join-with-itself")},
        ),
    ],
)  # fmt: skip
def test_each_fault_of_a_shape_has_its_pointer_and_code(nodes, expected):
    assert found(graph(*nodes), None) == expected


def test_a_merge_names_the_columns_that_branches_have_made_differently():
    merge = ("all", "Merge", {"owners": {"plan": "texts", "age": "nobody"}}, ["scaled", "texts"])

    problems = {p.pointer: p for p in validate(graph(*BRANCHES, merge, (*MODEL, ["all"])), ROWS).problems}

    assert set(problems) == {"/nodes/4/config/owners/plan", "/nodes/4/config/owners/age", "/nodes/4/config/on_conflict"}
    conflict = problems["/nodes/4/config/on_conflict"]
    assert "'visits' comes from 'scaled' and from 'texts'" in conflict.message
    assert "'age'" not in conflict.message
    assert conflict.suggestion == "Name their owners, or set on_conflict to first or last."
    assert (conflict.node, conflict.field) == ("Merge", "on_conflict")


JOIN = ("join", "Join", {"on": ["shop"]}, ["visits", "places"])
PLACES = ("places", "DropColumns", {"columns": ["opened"]}, ["shops"])
JOINED_SPLIT = ("split", "TrainTestSplit", {"target": "churn"}, ["join"])
REST = (("texts", "OneHotEncoder", {}, ["split"]), (*MODEL, ["texts"]))
SCHEMAS = {"visits": ROWS, "shops": SHOPS}


def test_a_good_join_has_a_schema_of_both_sides():
    validation = validate(joined(PLACES, JOIN, JOINED_SPLIT, *REST), SCHEMAS)

    assert validation.problems == []
    assert validation.nodes["join"].names == ["age", "visits", "plan", "shop", "size"]
    assert validation.nodes["places"].names == ["shop", "size"]


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        (
            [("places", "DropColumns", {"columns": ["size"]}, ["shops"]), JOIN, JOINED_SPLIT, *REST],
            {("/nodes/1/config", "wrong-type"), ("/nodes/4", "wrong-type")},
        ),
        (
            [PLACES, ("join", "Join", {"left_on": ["plan"], "right_on": ["size"]}, ["visits", "places"]), JOINED_SPLIT,
             *REST],
            {("/nodes/1/config/right_on/0", "wrong-type")},
        ),
        (
            [PLACES, ("join", "Join", {"left_on": ["plan"], "right_on": ["shop"]}, ["visits", "places"]), JOINED_SPLIT,
             *REST],
            {("/nodes/1/config/right_on/0", "wrong-type")},
        ),
        (
            [PLACES, ("join", "Join", {"on": ["shoop"]}, ["visits", "places"]), JOINED_SPLIT, *REST],
            {("/nodes/1/config/on/0", "unknown-column")},
        ),
        (
            [("places", "StandardScaler", {"columns": ["size"]}, ["shops"]),
             ("fewer", "DropMissingRows", {}, ["places"]), ("cut", "DropColumns", {"columns": ["opened"]}, ["fewer"]),
             ("join", "Join", {"on": ["shop"]}, ["visits", "cut"]), JOINED_SPLIT, *REST],
            {("/nodes/0/node", "leakage"), ("/nodes/1/node", "row-changing-on-reference")},
        ),
        (
            [PLACES, ("split", "TrainTestSplit", {"target": "churn"}, ["visits"]),
             ("join", "Join", {"on": ["shop"], "how": "inner"}, ["split", "places"]),
             ("texts", "OneHotEncoder", {}, ["join"]), (*MODEL, ["texts"])],
            {("/nodes/2/config/how", "inner-join-after-split")},
        ),
        (
            [PLACES, ("split", "TrainTestSplit", {"target": "churn"}, ["visits"]),
             ("all", "Merge", {}, ["split", "places"]), ("texts", "OneHotEncoder", {}, ["all"]), (*MODEL, ["texts"])],
            {("/nodes/2/inputs/1", "other-rows")},
        ),
        (
            [("places", "DropColumns", {"columns": ["opened"]}, []), JOIN, JOINED_SPLIT, *REST],
            {("/nodes/0/inputs", "no-inputs"), ("/sources/1", "unused-source")},
        ),
    ],
)  # fmt: skip
def test_each_fault_of_a_join_has_its_pointer_and_code(nodes, expected):
    codes = found(joined(*nodes), SCHEMAS)

    assert codes - {("/nodes/2/config/on_conflict", "column-conflict")} == expected


def test_sources_are_checked():
    config = joined(PLACES, JOIN, JOINED_SPLIT, *REST)

    assert found(config, ROWS) == {("/sources", "one-schema")}
    assert found(config, {**SCHEMAS, "shop": SHOPS}) == {("/sources", "unknown-source")}
    assert found({**config, "sources": "visits"}, None) >= {("/sources", "wrong-type")}
    assert found({"steps": [], "sources": ["a"]}, None) == {("/sources", "not-a-graph")}
    assert ("/nodes/0/id", "duplicate-id") in found({**config, "sources": ["visits", "shops", "places"]}, None)


def test_the_target_is_a_column_of_the_rows_that_are_predicted():
    shops = Schema([ColumnSchema("shop", "integer"), ColumnSchema("churn", "boolean")])
    config = joined(("join", "Join", {"on": ["shop"]}, ["visits", "shops"]), JOINED_SPLIT, *REST)

    assert ("/nodes/0/inputs", "target-as-feature") in found(config, {"visits": ROWS, "shops": shops})


def test_leakage_is_refused_however_the_graph_is_drawn():
    config = joined(
        PLACES, JOIN, ("impute", "SimpleImputer", {}, ["join"]), ("split", *JOINED_SPLIT[1:3], ["impute"]), *REST
    )

    with pytest.raises(InvalidConfigError, match="Leakage: SimpleImputer learns before the rows are split"):
        Pipeline.from_config(config)
