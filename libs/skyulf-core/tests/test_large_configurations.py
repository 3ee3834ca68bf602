"""Configurations of a megabyte: told at once what is wrong, in time that grows with their length and no faster."""

import json
from time import process_time

import pytest
from skyulf_core import validate_config
from skyulf_core.models._learners import Learner
from skyulf_core.pipeline.graph import MOST_INPUTS
from skyulf_core.problems import did_you_mean, few_guesses
from skyulf_core.tuning.dimensions import MOST_CHOICES, Choices, FloatRange, key_of, same
from skyulf_core.tuning.space import MOST_PARAMETERS, MOST_SAMPLES
from tuning_cases import ridge

SPLIT = {"node": "TrainTestSplit", "config": {"target": "y"}}
SECONDS = 8.0
"""Much more than any of these takes, and much less than each took."""
MEGABYTE = 1 << 20


def steps(*more, **keys):
    return {"steps": [SPLIT, *more], "model": {"node": "ridge_regression"}, **keys}


def winsorized(count, value):
    named = [{"node": "Winsorize", "id": f"w{n}"} for n in range(count)]
    space = {f"w{n}.lower_percentile": value for n in range(count)}
    return steps(*named, tuning={"search_space": space})


def checked(config):
    """Return the problems of a configuration by pointer, found within the time."""
    assert len(json.dumps(config)) < 1.1 * MEGABYTE
    began = process_time()
    found = validate_config(config).problems
    assert process_time() - began < SECONDS
    return {problem.pointer: problem for problem in found}


@pytest.mark.parametrize(
    ("config", "pointer", "says"),
    [
        (ridge(search_space={"alpha": list(range(1, 150_000))}), "/tuning/search_space/alpha/choices", "149,999"),
        (ridge(search_space={f"a{n}": [1] for n in range(60_000)}), "/tuning/search_space", "60,000 parameters"),
        (winsorized(190, list(range(900))), "/tuning/search_space", "171,000 choices"),
    ],
    ids=["choices", "parameters", "choices of all parameters"],
)
def test_a_space_that_is_too_large_is_told_before_anything_else(config, pointer, says):
    found = checked(config)

    assert [(problem.pointer, problem.code) for problem in found.values()] == [(pointer, "too-many")]
    assert says in found[pointer].message


def test_as_much_as_is_allowed_is_checked():
    assert checked(ridge(search_space={"alpha": [n + 0.5 for n in range(MOST_CHOICES)]})) == {}
    assert checked(winsorized(MOST_PARAMETERS, {"low": 1, "high": 9})) == {}
    assert checked(winsorized(MOST_PARAMETERS, [n / 10 for n in range(MOST_SAMPLES // MOST_PARAMETERS)])) == {}
    assert checked(winsorized(MOST_PARAMETERS, {"low": 0, "high": 10, "step": 1e-5})) == {}


def test_values_beside_a_long_configuration_are_not_read_over_and_over():
    values = {"node": "Expression", "id": "e", "config": {"expressions": {f"c{n}": "a + 1" for n in range(20_000)}}}
    space = {"e.expressions": [{f"d{n}": "a"} for n in range(900)]}

    found = checked(steps(values, tuning={"search_space": space}))

    assert found["/tuning/search_space"].code == "too-many"


@pytest.mark.parametrize("kept", [1, 1.5, "a", True, None, [1], {"a": 1}], ids=repr)
@pytest.mark.parametrize("other", [1, 1.0, True, False, None, "1", [1.0], [True], {"a": 1.0}, {"b": 1}, []], ids=repr)
def test_choices_are_told_apart_as_values_are(kept, other):
    assert (key_of(kept) == key_of(other)) is same(kept, other)
    assert Choices((kept,)).allows(other) is same(kept, other)
    problems = checked(ridge(search_space={"alpha": [kept, other]}))
    twice = problems.get("/tuning/search_space/alpha/choices/1")
    assert (twice is not None and twice.code == "duplicate-choice") is same(kept, other)


def test_steps_of_a_range_are_the_numbers_they_were():
    steps_ = FloatRange(0.5, 2.0, step=0.5).values()

    assert list(steps_) == [0.5, 1.0, 1.5, 2.0]
    assert (steps_[-1], steps_[1:3], len(steps_)) == (2.0, [1.0, 1.5], 4)


def test_conditions_of_many_values_are_looked_up():
    when = {"solver": [f"x{n}" for n in range(60_000)]}
    space = {"solver": ["svd", "sag"], "alpha": {"low": 1, "high": 2, "when": when}}

    found = checked(ridge(search_space=space))

    assert found["/tuning/search_space/alpha/when/solver"].code == "empty-range"


WRONG = {
    "keys of a pipeline": lambda n: {**steps(), **{f"stepz{k}": 1 for k in range(n)}},
    "keys of a step": lambda n: steps({"node": "StandardScaler", **{f"configg{k}": 1 for k in range(n)}}),
    "parameters": lambda n: steps({"node": "StandardScaler", "config": {f"with_meann{k}": 1 for k in range(n)}}),
    "keys of a search": lambda n: ridge(**{f"n_trialss{k}": 1 for k in range(n)}),
    "conditions": lambda n: ridge(
        search_space={"alpha": {"low": 1, "high": 2, "when": {f"alphb{k}": 1 for k in range(n)}}}
    ),
    "families": lambda n: steps(model={"node": "auto", "config": {"families": [f"lineaer{k}" for k in range(n)]}}),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_many_wrong_words_are_told_and_the_first_ones_with_what_was_meant(name):
    found = list(checked(WRONG[name](50_000)).values())

    near = [problem for problem in found if problem.suggestion and "Did you mean" in problem.suggestion]
    assert len(found) >= (10_000 if name == "parameters" else 50_000)
    assert 100 < len(near) < 49_000


def test_outside_of_a_check_each_word_is_compared():
    with few_guesses():
        for word in range(10_000):
            did_you_mean(f"nearest{word}", ["nearest"] * 200)
        assert did_you_mean("nearst", ["nearest"] * 200) is None

    assert did_you_mean("nearst", ["nearest"]) == "Did you mean 'nearest'?"


def test_models_inside_of_models_are_read_once_a_level():
    model = {"node": "logistic_regression"}
    for _ in range(6):
        model = {
            "node": "voting_classifier",
            "config": {"estimators": [{"name": "a", **model}, {"name": "b", **model}, {"name": "c", **model}]},
        }

    assert checked({**steps(), "model": model}) == {}


def test_a_copy_of_a_learner_is_read_by_its_own_configuration():
    learner = Learner(node="logistic_regression", config={"C": 2.0})

    copied = learner.model_copy(update={"config": {"C": 3.0}})

    assert (learner.parsed.C, copied.parsed.C) == (2.0, 3.0)


def test_inputs_of_a_graph_are_counted_first():
    merge = {"id": "m", "node": "Merge", "inputs": [f"n{k}" for k in range(80_000)]}

    found = checked({"nodes": [merge]})

    assert found["/nodes"].code == "too-many-inputs"
    assert f"80,000 inputs; {MOST_INPUTS:,}" in found["/nodes"].message


def test_an_input_that_is_named_twice_is_still_told():
    nodes = [{"id": "s", **SPLIT}, {"id": "m", "node": "Merge", "inputs": ["s", "s"]}]

    assert checked({"nodes": nodes})["/nodes/1/inputs/1"].code == "duplicate-input"


TIME = {"type": "time_series", "folds": 3}


@pytest.mark.parametrize(
    ("keys", "pointers"),
    [
        ({"tuning": {"cv": TIME}}, ["/tuning/cv/by"]),
        ({"tuning": {"cv": {"type": "nested", "inner": TIME}}}, ["/tuning/cv/inner/by"]),
        ({"tuning": {"cv": {**TIME, "by": "day"}}}, []),
        ({"validation": {"cv": TIME, "conformal": {}}}, ["/validation/cv/by"]),
        ({"model": {"node": "auto", "config": {"cv": TIME}}}, ["/model/config/cv/by"]),
    ],
)
def test_folds_in_time_over_shuffled_rows_are_known_from_the_configuration(keys, pointers):
    found = checked({**steps(), **keys})

    assert [(problem.pointer, problem.code) for problem in found.values()] == [(at, "unsorted-time") for at in pointers]


@pytest.mark.parametrize(
    "split",
    [
        {"node": "TrainTestSplit", "config": {"target": "y", "shuffle": False}},
        {"node": "TimeSplit", "config": {"target": "y", "column": "day"}},
        {"node": "FeatureTargetSplit", "config": {"target": "y"}},
    ],
    ids=lambda split: split["node"],
)
def test_folds_in_time_go_by_rows_that_are_in_order(split):
    config = {**steps(), "steps": [split]}

    assert checked({**config, "tuning": {"cv": TIME}}) == {}
    assert checked({**config, "validation": {"cv": TIME, "conformal": {}}}) == {}


def test_folds_that_are_never_made_need_no_order():
    split = {"node": "TrainTestSplit", "config": {"target": "y", "validation_size": 0.2}}
    config = {**steps(), "steps": [split]}

    assert checked({**config, "validation": {"cv": TIME, "conformal": {}}}) == {}
    assert list(checked({**config, "validation": {"cv": TIME, "on": "out_of_fold", "conformal": {}}})) == [
        "/validation/cv/by"
    ]
