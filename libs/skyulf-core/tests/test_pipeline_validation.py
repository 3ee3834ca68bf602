"""A configuration's problems are found all at once, with pointers and suggestions."""

import pytest
from drawn import examples
from hypothesis import given
from hypothesis import strategies as st
from skyulf_core import ColumnSchema, InvalidConfigError, Pipeline, Schema, UnknownNodeError, validate_config
from skyulf_core.nodes.registry import NodeRegistry

SCHEMA = Schema(
    [
        ColumnSchema("age", "integer"),
        ColumnSchema("income", "float", nullable=False),
        ColumnSchema("plan", "string", nullable=False),
        ColumnSchema("joined", "datetime", nullable=False),
        ColumnSchema("tags", "other"),
        ColumnSchema("churn", "boolean", nullable=False),
    ]
)
SPLIT = {"node": "TrainTestSplit", "config": {"target": "churn"}}
DROP = {"node": "DropColumns", "config": {"columns": ["joined", "tags"]}}
IMPUTE = {"node": "SimpleImputer", "config": {"strategy": "median"}}
ONE_HOT = {"node": "OneHotEncoder"}
MODEL = {"node": "logistic_regression"}
GOOD = {"steps": [SPLIT, DROP, IMPUTE, ONE_HOT], "model": MODEL}


def found(config, schema=SCHEMA):
    return {(problem.pointer, problem.code) for problem in validate_config(config, schema).problems}


def steps(*nodes, model=MODEL):
    return {"steps": list(nodes), "model": model}


def test_good_config_has_no_problems_and_a_schema_at_every_step():
    validation = validate_config(GOOD, SCHEMA)

    assert validation.valid
    assert [schema.names for schema in validation.schemas] == [
        ["age", "income", "plan", "joined", "tags"],
        ["age", "income", "plan"],
        ["age", "income", "plan"],
        ["age", "income", "plan_*"],
    ]
    assert validation.schemas[2].find("age") == ColumnSchema("age", "float", nullable=False)
    assert validation.schemas[3].find("plan_pro").dtype == "boolean"


def test_all_problems_are_reported_at_once():
    config = {
        "steps": [
            {"node": "StandardScaler"},
            {"node": "TrainTestSplit", "config": {"target": "chrun", "test_size": 1.5, "statify": True}},
            {"node": "SimpleImputr"},
            {"node": "SimpleImputer", "config": {"strategy": "medain"}},
            {"node": "Winsorize", "config": {"lower_percentile": 90, "upper_percentile": 10}, "nod": 1},
            {"config": {}},
        ],
        "model": {"node": "logistic_regresion"},
        "tuning": {"strategy": "gird"},
        "stepz": [],
    }

    problems = {problem.pointer: problem for problem in validate_config(config, SCHEMA).problems}

    assert set(problems) == {
        "/stepz", "/tuning/strategy", "/steps/0/node", "/steps/1/config/test_size", "/steps/1/config/statify",
        "/steps/2/node",
        "/steps/3/config/strategy", "/steps/4/config", "/steps/4/nod", "/steps/5/node", "/model/node",
    }  # fmt: skip
    assert problems["/steps/0/node"].code == "leakage"
    assert problems["/steps/2/node"].suggestion == "Did you mean 'SimpleImputer'?"
    assert problems["/steps/3/config/strategy"].suggestion == "Did you mean 'median'?"
    assert problems["/steps/1/config/statify"].suggestion.startswith("Did you mean 'stratify'? It has: target, ")
    assert problems["/model/node"].suggestion == "Did you mean 'logistic_regression'?"
    assert problems["/stepz"].suggestion == "Did you mean 'steps'?"
    assert problems["/tuning/strategy"].suggestion == "Did you mean 'grid'?"
    assert problems["/steps/3/config/strategy"].node == "SimpleImputer"
    assert problems["/steps/3/config/strategy"].field == "strategy"


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (steps(IMPUTE, SPLIT, DROP, ONE_HOT), {("/steps/0/node", "leakage")}),
        (
            steps({"node": "DropMissingRows"}, SPLIT, DROP, IMPUTE, ONE_HOT),
            {("/steps/0/node", "row-changing-before-split")},
        ),
        (steps(DROP, IMPUTE, ONE_HOT), {("/steps", "missing-splitter")}),
        (steps(SPLIT, DROP, SPLIT, IMPUTE, ONE_HOT), {("/steps/2/node", "second-splitter")}),
        (steps(SPLIT, DROP, IMPUTE, ONE_HOT, MODEL), {("/steps/4/node", "model-as-step")}),
        (steps(SPLIT, DROP, IMPUTE, ONE_HOT, model=IMPUTE), {("/model/node", "not-a-model")}),
        (steps(SPLIT, DROP, ONE_HOT), {("/model", "missing-values")}),
        (steps(SPLIT, DROP, IMPUTE), {("/model", "wrong-type")}),
        (steps(SPLIT, IMPUTE, ONE_HOT), {("/model", "wrong-type")}),
        (
            steps(SPLIT, {"node": "DropColumns", "config": {"columns": ["age", "income", "plan", "joined", "tags"]}}),
            {("/model", "no-features")},
        ),
        (
            steps(SPLIT, DROP, IMPUTE, ONE_HOT, {"node": "StandardScaler", "config": {"columns": ["agee", "churn"]}}),
            {("/steps/4/config/columns/0", "unknown-column"), ("/steps/4/config/columns/1", "target-as-feature")},
        ),
        (
            steps(SPLIT, DROP, IMPUTE, {"node": "StandardScaler", "config": {"columns": ["plan"]}}, ONE_HOT),
            {("/steps/3/config/columns/0", "wrong-type")},
        ),
        (
            steps({"node": "TrainTestSplit", "config": {"target": "churned"}}, DROP, IMPUTE, ONE_HOT),
            {("/steps/0/config/target", "unknown-target")},
        ),
        (
            steps({"node": "TrainTestSplit", "config": {"target": "joined"}}, IMPUTE, ONE_HOT),
            {("/steps/0/config/target", "wrong-type"), ("/model", "wrong-type")},
        ),
        (
            steps(
                {"node": "TrainTestSplit", "config": {"target": "plan", "stratify": True}}, DROP, IMPUTE,
                model={"node": "ridge_regression"},
            ),
            {("/steps/0/config/stratify", "invalid-value"), ("/steps/0/config/target", "wrong-type")},
        ),
        (
            steps(SPLIT, DROP, {"node": "SimpleImputer", "config": {"columns": ["plan"], "fill_value": 1}}, ONE_HOT),
            {
                ("/steps/2/config/fill_value", "unused-field"), ("/steps/2/config/columns/0", "wrong-type"),
                ("/model", "missing-values"),
            },
        ),
        (
            steps(SPLIT, DROP, IMPUTE, {"node": "Casting", "config": {"types": {"a/b": "int64"}}}, ONE_HOT),
            {("/steps/3/config/types/a~1b", "unknown-column")},
        ),
        (
            steps(SPLIT, DROP, IMPUTE, ONE_HOT, {"node": "StandardScaler", "config": {"columns": ["age", "age"]}}),
            {("/steps/4/config/columns", "invalid-value")},
        ),
        ({}, {("", "empty-pipeline")}),
        ({"steps": {}}, {("/steps", "wrong-type")}),
        ({"steps": ["SimpleImputer"]}, {("/steps/0", "wrong-type")}),
        ({"steps": [{"node": "SimpleImputer", "config": []}]}, {("/steps/0/config", "wrong-type")}),
        (
            {"steps": [{**SPLIT, "id": "a"}, {**DROP, "id": "a"}]},
            {("/steps/1/id", "duplicate-id")},
        ),
    ],
)  # fmt: skip
def test_each_fault_has_its_pointer_and_code(config, expected):
    assert found(config) == expected


@pytest.mark.parametrize("config", [None, [], "x", 3])
def test_something_else_than_an_object_is_a_problem(config):
    assert found(config) == {("", "wrong-type")}


def test_leakage_names_the_leak():
    problem = next(p for p in validate_config(steps(IMPUTE, SPLIT), None).problems if p.code == "leakage")

    assert "SimpleImputer learns before the rows are split" in problem.message
    assert problem.suggestion == "Move it after TrainTestSplit."


def test_stateless_nodes_may_stand_before_the_split():
    assert not found(steps(DROP, SPLIT, IMPUTE, ONE_HOT))


def test_steps_after_a_broken_one_are_not_accused_of_its_missing_columns():
    broken = {"node": "DateParts", "config": {"columns": ["joined"], "prts": ["hour"]}}
    scaler = {"node": "StandardScaler", "config": {"columns": ["joined_hour"]}}

    validation = validate_config(steps(SPLIT, broken, scaler), SCHEMA)

    assert [problem.code for problem in validation.problems] == ["unknown-param"]
    assert validation.schemas[1:] == [None, None]


def graph(*nodes):
    return {"nodes": [{"id": i, "node": n, "config": c, "inputs": list(s)} for i, n, c, s in nodes]}


LINEAR = (
    ("model", "logistic_regression", {}, ["encode"]),
    ("impute", "SimpleImputer", {"strategy": "median"}, ["drop"]),
    ("split", "TrainTestSplit", {"target": "churn"}, []),
    ("encode", "OneHotEncoder", {}, ["impute"]),
    ("drop", "DropColumns", {"columns": ["joined", "tags"]}, ["split"]),
)


def test_behind_a_bad_value_the_columns_are_checked_too():
    steps = [
        {"node": "SimpleImputer", "config": {"strategy": "medain"}},
        {"node": "TextCleaning", "config": {"case": "lowr", "columns": ["nope"]}},
        {"node": "OneHotEncoder", "config": {"columns": ["plan"], "drop_orignal": False}},
        {"node": "SelectColumns", "config": {"columns": ["plan", "plan_x", "nor"]}},
        {"node": "TextCleaning", "config": {"case": "lowr", "pattern": "("}},
    ]

    found = validate_config({"steps": steps}, Schema([ColumnSchema("a", "float"), ColumnSchema("plan", "string")]))

    assert [problem.pointer for problem in found.problems] == [
        "/steps/0/config/strategy", "/steps/1/config/case", "/steps/2/config/drop_orignal", "/steps/4/config/case",
        "/steps/4/config", "/steps/1/config/columns/0", "/steps/3/config/columns/2",
    ]  # fmt: skip
    assert found.schemas == [None] * 5, "what comes out is not known where something is wrong"


def test_linear_graph_is_the_same_pipeline_whatever_its_order():
    listed = Pipeline.from_config(GOOD)
    drawn = Pipeline.from_config(graph(*LINEAR))

    assert validate_config(graph(*LINEAR), SCHEMA).valid
    assert drawn.fingerprint() == listed.fingerprint()
    assert [step["id"] for step in drawn.config["steps"]] == ["split", "drop", "impute", "encode"]


def test_graph_reports_cycles_dangling_edges_and_duplicate_ids_together():
    config = graph(
        ("split", "TrainTestSplit", {"target": "churn"}, []),
        ("a", "SimpleImputer", {}, ["b"]),
        ("b", "StandardScaler", {}, ["a"]),
        ("c", "OneHotEncoder", {}, ["spilt"]),
        ("c", "OneHotEncoder", {}, ["split"]),
        ("d", "NoSuchNode", {}, ["c"]),
    )

    problems = validate_config(config, SCHEMA).problems

    codes = {(problem.pointer, problem.code) for problem in problems}
    assert {
        ("/nodes/1/inputs", "cycle"), ("/nodes/2/inputs", "cycle"), ("/nodes/3/inputs/0", "dangling-edge"),
        ("/nodes/4/id", "duplicate-id"), ("/nodes/5/node", "unknown-node"),
    } <= codes  # fmt: skip
    dangling = next(problem for problem in problems if problem.code == "dangling-edge")
    assert dangling.suggestion == "Did you mean 'split'?"


def test_graph_says_which_nodes_take_several_inputs_and_what_leads_nowhere():
    config = graph(
        ("split", "TrainTestSplit", {"target": "churn"}, []),
        ("a", "SimpleImputer", {}, ["split"]),
        ("b", "StandardScaler", {}, ["split"]),
        ("m", "logistic_regression", {}, ["a", "b"]),
        ("alone", "OneHotEncoder", {}, []),
    )

    codes = {(problem.pointer, problem.code) for problem in validate_config(config, None).problems}

    assert codes == {
        ("/nodes/3/inputs", "several-inputs"),
        ("/nodes/4", "unused-node"),
        ("/nodes/4/node", "leakage"),
    }


def test_two_forms_at_once_are_a_problem():
    assert ("/nodes", "two-forms") in found({**graph(*LINEAR), "steps": []})


def test_pipeline_refuses_a_config_with_problems_and_tells_all():
    with pytest.raises(InvalidConfigError) as caught:
        Pipeline.from_config(steps({"node": "A"}, {"node": "B"}))

    assert [problem.pointer for problem in caught.value.problems] == ["/steps/0/node", "/steps/1/node"]


def test_registry_names_the_nearest_node():
    with pytest.raises(UnknownNodeError, match="Did you mean 'StandardScaler'"):
        NodeRegistry.get("standardscaler")


@pytest.mark.parametrize("size", [1.0, 0, -0.1, True, "0.2", None, []])
def test_split_sizes_are_shares_or_numbers_of_rows(size):
    config = steps({"node": "TrainTestSplit", "config": {"target": "churn", "test_size": size}}, DROP, IMPUTE, ONE_HOT)

    assert found(config) == {("/steps/0/config/test_size", "invalid-value")}


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(NodeRegistry.names()),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["node", "config", "id", "inputs", "columns", "types", "target", "strategy", "steps"])
            | st.text(),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@examples(300)
@given(nodes=st.lists(JSON, max_size=4), model=JSON, key=st.sampled_from(["steps", "nodes"]))
def test_no_json_whatever_breaks_the_check(nodes, model, key):
    validation = validate_config({key: nodes, "model": model}, SCHEMA)

    assert all(problem.message and problem.code for problem in validation.problems)


@examples(200)
@given(
    names=st.lists(st.sampled_from([n for n in NodeRegistry.names() if n[0].isupper()]), max_size=5),
    configs=st.lists(
        st.dictionaries(
            st.sampled_from(["columns", "types", "target", "strategy", "fill_value", "parts", "categories_order"]), JSON
        ),
        min_size=5,
        max_size=5,
    ),
)
def test_no_configuration_of_real_nodes_breaks_the_check(names, configs):
    nodes = [{"node": name, "config": config} for name, config in zip(names, configs, strict=False)]

    validation = validate_config({"steps": nodes}, SCHEMA)

    assert len(validation.schemas) == len(names)
