"""Search spaces: typed, conditional, over any node, and refused before the first fit where they are wrong."""

import json

import numpy as np
import pytest
from skyulf_core import InvalidConfigError, NodeRegistry, Pipeline, validate_config
from skyulf_core.pipeline.resolve import resolve
from skyulf_core.tuning import SearchSpace
from skyulf_core.tuning.dimensions import Choices, FloatRange, IntRange
from skyulf_core.tuning.space import read_space
from tuning_cases import ALPHA, KERNEL, SPLIT, ridge

GRAPH = {
    "nodes": [
        {"id": "split", "node": "TrainTestSplit", "config": {"target": "y"}},
        {"id": "fill.a", "node": "SimpleImputer", "config": {"columns": ["a"]}, "inputs": ["split"]},
        {"id": "fill.b", "node": "SimpleImputer", "config": {"columns": ["b"]}, "inputs": ["fill.a"]},
        {"id": "scale", "node": "StandardScaler", "inputs": ["fill.b"]},
        {"id": "bins", "node": "Winsorize", "config": {}, "inputs": ["scale"]},
        {"id": "trees", "node": "hist_gradient_boosting_classifier", "inputs": ["bins"]},
    ]
}


def pipeline():
    found = resolve({"steps": [SPLIT, {"node": "StandardScaler"}], "model": {"node": "ridge_regression"}})
    assert not found.problems
    return found


def space_of(raw, resolved=None):
    return SearchSpace.of(raw, resolved or pipeline())


def problems_of(space, **more):
    found = validate_config(ridge(search_space=space, **more)).problems
    return {problem.pointer.removeprefix("/tuning/"): problem for problem in found}


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"low": 1, "high": 9}, FloatRange(1.0, 9.0)),
        ({"low": 1, "high": 9, "type": "int"}, IntRange(1, 9)),
        ({"low": 0.1, "high": 9, "log": True}, FloatRange(0.1, 9.0, log=True)),
        ({"low": 0.0, "high": 1.0, "step": 0.25}, FloatRange(0.0, 1.0, step=0.25)),
        ({"choices": [1, 2.5]}, Choices((1, 2.5))),
        ([1, 2.5], Choices((1, 2.5))),
    ],
)
def test_a_range_is_typed_by_how_it_is_written_and_what_the_parameter_takes(raw, expected):
    assert space_of({"alpha": raw}).parameters[0].dimension == expected


def test_whole_numbers_stay_whole_where_the_parameter_takes_no_others():
    assert space_of({"max_iter": {"low": 10, "high": 90}}).parameters[0].dimension == IntRange(10, 90)
    assert space_of({"max_iter": {"low": 10, "high": 90, "step": 20}}).parameters[0].dimension == IntRange(
        10, 90, step=20
    )


def test_ranges_have_their_values():
    assert list(IntRange(1, 8, step=3).values()) == [1, 4, 7]
    np.testing.assert_allclose(FloatRange(0.1, 0.5, step=0.1).values(), [0.1, 0.2, 0.3, 0.4, 0.5])
    assert IntRange(1, 1000, log=True).values() is None


def test_logarithmic_whole_numbers_reach_both_ends_and_are_uniform_by_magnitude():
    dimension, state = IntRange(1, 1000, log=True), np.random.RandomState(0)

    drawn = [dimension.distribution().rvs(random_state=state) for _ in range(5000)]

    assert (min(drawn), max(drawn)) == (1, 1000)
    assert all(isinstance(value, int) for value in drawn)
    assert np.mean(np.array(drawn) <= 31) == pytest.approx(0.54, abs=0.03)


@pytest.mark.parametrize(
    ("name", "values", "node", "path"),
    [
        ("learning_rate", [1], "trees", ("learning_rate",)),
        ("trees.learning_rate", [1], "trees", ("learning_rate",)),
        ("hist_gradient_boosting_classifier.max_iter", [1], "trees", ("max_iter",)),
        ("fill.a.strategy", ["mean"], "fill.a", ("strategy",)),
        ("StandardScaler.with_mean", [True], "scale", ("with_mean",)),
        ("Winsorize.lower_percentile", [1], "bins", ("lower_percentile",)),
    ],
)
def test_parameters_of_any_node_are_addressed_by_id_or_name(name, values, node, path):
    address = space_of({name: values}, resolve(GRAPH)).parameters[0].address

    assert (address.node, address.path) == (node, path)


def test_steps_of_a_list_are_addressed_by_their_place():
    space = space_of({"steps-1.with_mean": [True, False]})

    changed = space.applied(pipeline(), {"steps-1.with_mean": False})

    assert changed.known_steps[1].parsed.with_mean is False
    assert changed.to_dict()["steps"][1]["config"]["with_mean"] is False


def test_nested_fields_are_addressed_by_further_dots():
    config = {
        "steps": [
            SPLIT,
            {"node": "GeneralBinning", "config": {"columns": ["a", "b"], "overrides": {"a": {"n_bins": 3}}}},
        ],
        "model": {"node": "ridge_regression"},
    }
    resolved = resolve(config)
    assert not resolved.problems

    changed = space_of({"GeneralBinning.overrides.a.n_bins": [4, 5]}, resolved).applied(
        resolved, {"GeneralBinning.overrides.a.n_bins": 5}
    )

    assert changed.known_steps[1].parsed.overrides["a"].n_bins == 5
    assert resolved.known_steps[1].parsed.overrides["a"].n_bins == 3


@pytest.mark.parametrize(
    ("space", "pointer", "code", "says"),
    [
        ({"alfa": [1.0]}, "search_space/alfa", "unknown-param", "Did you mean 'alpha'?"),
        ({"StandardScaler.with_maen": [True]}, "search_space/StandardScaler.with_maen", "unknown-param", "'with_mean'"),
        ({"StandardScalr.with_mean": [1]}, "search_space/StandardScalr.with_mean", "unknown-node", "'StandardScaler'"),
        ({"FeatureTargetSplit.target": ["y"]}, "search_space/FeatureTargetSplit.target", "splitter-tuned", "rows"),
        ({"StandardScaler": [True]}, "search_space/StandardScaler", "unknown-param", "with_mean"),
        ({"alpha": []}, "search_space/alpha/choices", "empty-range", "nothing to choose"),
        ({"alpha": {"low": 5, "high": 1}}, "search_space/alpha/low", "empty-range", "is empty"),
        ({"alpha": {"low": 2, "high": 2}}, "search_space/alpha/low", "empty-range", "2 only"),
        ({"alpha": {"low": 1}}, "search_space/alpha", "missing-field", "no 'high'"),
        ({"alpha": {"low": "1", "high": 2}}, "search_space/alpha/low", "wrong-type", "finite number"),
        ({"alpha": {"low": 0, "high": 2, "log": True}}, "search_space/alpha/low", "invalid-value", "above 0"),
        ({"alpha": {"low": 1, "high": 2, "stp": 1}}, "search_space/alpha/stp", "unknown-key", "Did you mean 'step'?"),
        ({"alpha": {"low": 1, "high": 2, "step": 5}}, "search_space/alpha/step", "empty-range", "wider"),
        ({"alpha": {"low": 1, "high": 2, "step": 0}}, "search_space/alpha/step", "invalid-value", "greater than 0"),
        ({"alpha": {"low": 1, "high": 2, "choices": [1]}}, "search_space/alpha/low", "two-forms", "not both"),
        ({"alpha": {"low": 1, "high": 2, "type": "real"}}, "search_space/alpha/type", "invalid-value", "int or float"),
        ({"alpha": [1.0, 1]}, "search_space/alpha/choices/1", "duplicate-choice", "already"),
        ({"alpha": "all"}, "search_space/alpha", "wrong-type", "object"),
        ({"alpha": {"low": -1, "high": 2}}, "search_space/alpha/low", "invalid-value", "cannot be -1"),
        ({"solver": ["svd", "chol"]}, "search_space/solver/choices/1", "invalid-value", "cannot be 'chol'"),
        ({"max_iter": {"low": 1.5, "high": 9}}, "search_space/max_iter/low", "invalid-value", "integer"),
        ({"alpha": [1.0, True]}, "search_space/alpha/choices/1", "wrong-type", "'alpha' cannot be true: it is no"),
        ({"alpha": [True]}, "search_space/alpha/choices/0", "wrong-type", "cannot be true"),
        ({"alpha": [1.0, "much"]}, "search_space/alpha/choices/1", "invalid-value", "number"),
        ({"alpha": [1.0], "model.alpha": [2.0]}, "search_space/model.alpha", "duplicate-param", "same parameter"),
        (
            {"tol": {"low": 0.1, "high": 1, "when": {"solvr": "sag"}}},
            "search_space/tol/when/solvr", "unknown-param", "not in",
        ),
        (
            {"solver": ["svd"], "tol": {"low": 0.1, "high": 1, "when": {"solver": "sag"}}},
            "search_space/tol/when/solver", "empty-range", "never matters",
        ),
        ({"alpha": {"low": 1, "high": 2, "when": {"alpha": [1]}}}, "search_space/alpha/when", "cycle", "circle"),
        ({}, "search_space", "empty-range", "empty"),
        ([1], "search_space", "wrong-type", "object"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_space_is_said_before_the_first_fit(space, pointer, code, says):
    found = problems_of(space)

    assert list(found) == [pointer]
    assert found[pointer].code == code
    assert says in f"{found[pointer].message} {found[pointer].suggestion}"


def test_all_problems_are_said_at_once():
    found = problems_of({"alfa": [1], "solver": [], "tol": {"low": 2, "high": 1}})

    assert set(found) == {"search_space/alfa", "search_space/solver/choices", "search_space/tol/low"}


def test_a_node_that_stands_twice_is_named_by_its_id():
    found = validate_config({**GRAPH, "tuning": {"search_space": {"SimpleImputer.strategy": ["mean"]}}}).problems

    assert [problem.code for problem in found] == ["ambiguous"]
    assert found[0].suggestion == "Use an id: 'fill.a', 'fill.b'."


def test_values_that_are_refused_only_together_are_no_problem_of_the_space():
    assert not problems_of({"positive": [True, False], "solver": ["svd", "lbfgs"]})


def test_conditions_leave_out_what_does_not_matter():
    space = space_of(KERNEL)

    assert space.active({"solver": "svd", "alpha": 1.0, "tol": 0.1, "max_iter": 60}) == {"solver": "svd", "alpha": 1.0}
    assert set(space.active({"solver": "lsqr", "alpha": 1.0, "tol": 0.1, "max_iter": 60})) == {"solver", "alpha", "tol"}


def test_a_condition_on_what_does_not_matter_itself_does_not_hold():
    space = space_of(
        {
            "positive": [True, False],
            "solver": {"choices": ["sag", "svd"], "when": {"positive": False}},
            "max_iter": {"low": 5, "high": 9, "when": {"solver": "sag"}},
        }
    )

    assert space.active({"max_iter": 5, "solver": "sag", "positive": True}) == {"positive": True}


def test_a_grid_has_every_point_that_matters_once():
    space = space_of(
        {"solver": ["svd", "sag"], "max_iter": {"low": 10, "high": 30, "step": 10, "when": {"solver": ["sag"]}}}
    )

    points = list(space.grid())

    assert len({json.dumps(point) for point in points}) == len(points)
    assert len(points) == 4


def test_a_model_brings_its_own_space():
    config = ridge()
    config["tuning"] = {}

    assert Pipeline.from_config(config).resolved.tuning.space.names


def test_raises_all_problems_with_a_readable_text():
    with pytest.raises(InvalidConfigError, match="Did you mean 'alpha'"):
        Pipeline.from_config(ridge(search_space={"alpa": ALPHA["alpha"]}))


def supervised():
    """The names of all models that a score can be searched for."""
    infos = [info for info in NodeRegistry.list() if info.family == "models"]
    return [info.name for info in infos if NodeRegistry.get(info.name).calculator.task in METRIC_TASKS]


METRIC_TASKS = ("classification", "regression")


@pytest.mark.parametrize("model", supervised())
def test_the_space_that_a_model_brings_is_right(model):
    config = {"steps": [SPLIT], "model": {"node": model}}
    if not NodeRegistry.get(model).calculator.search_space:
        return

    space, problems = read_space(None, resolve(config))

    assert problems == []
    assert space.names
