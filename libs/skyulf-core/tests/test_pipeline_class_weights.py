"""Weights of classes in a pipeline: whose labels they name, what is refused and when, and where they go along."""

import json
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from skyulf_core import DataError, InvalidConfigError, NodeRegistry, Pipeline, SkyulfClassifier, validate_config

FRAME = pl.from_pandas(load_breast_cancer(as_frame=True).frame)
FEATURES = FRAME.columns[:4]
DATA = FRAME.select(*FEATURES, target=pl.col("target").replace_strict({0: "ill", 1: "well"}))
MATRIX, LABELS = DATA.select(FEATURES).to_numpy(), DATA["target"].to_numpy()
SPLIT = {"node": "FeatureTargetSplit", "config": {"target": "target"}}
WEIGHTS = {"ill": 6.0, "well": 0.5}
LINE = {"node": "logistic_regression", "config": {"class_weight": WEIGHTS, "max_iter": 500}}
TREE = {"node": "decision_tree_classifier", "config": {"max_depth": 3, "class_weight": WEIGHTS}}


def pipeline_of(model, *steps, **config):
    return Pipeline.from_config({"steps": [SPLIT, *steps], "model": {"node": model, "config": config}})


def with_labels(values):
    return DATA.with_columns(target=pl.Series(values))


OTHER_LABELS = {
    "whole numbers": (LABELS == "well", [3, 7], {3: 6.0, "7": 0.5}),
    "booleans": (LABELS == "well", [False, True], {False: 6.0, "true": 0.5}),
    "booleans as Python writes them": (LABELS == "well", [False, True], {"False": 6.0, "True": 0.5}),
    "numbers with a point": (LABELS == "well", [3.0, 7.0], {3.0: 6.0, np.float64(7.0): 0.5}),
}


@pytest.mark.parametrize("name", OTHER_LABELS)
def test_labels_of_every_kind_are_named_as_they_are_written(name):
    second, labels, weights = OTHER_LABELS[name]
    data = with_labels([labels[int(value)] for value in second])
    expected = LogisticRegression(max_iter=500, class_weight=WEIGHTS).fit(MATRIX, LABELS).predict_proba(MATRIX)

    found = pipeline_of("logistic_regression", class_weight=weights, max_iter=500).fit(data).predict_proba(data)

    np.testing.assert_allclose(found.to_numpy(), expected, rtol=0, atol=1e-9)


def test_a_configuration_and_its_bundle_keep_the_labels(tmp_path):
    pipeline = Pipeline.from_config({"steps": [SPLIT], "model": LINE}).fit(DATA)

    loaded = Pipeline.load(pipeline.save(tmp_path / "bundle"))

    assert pipeline.config["model"]["config"]["class_weight"] == WEIGHTS
    assert loaded.config == pipeline.config
    assert loaded.fingerprint() == pipeline.fingerprint()
    assert loaded.fit(DATA).predict(DATA).to_list() == pipeline.predict(DATA).to_list()


def test_the_order_of_the_labels_and_of_the_rows_do_not_matter():
    turned = dict(reversed(WEIGHTS.items()))

    one = pipeline_of("decision_tree_classifier", class_weight=WEIGHTS, max_depth=4).fit(DATA)
    other = pipeline_of("decision_tree_classifier", class_weight=turned, max_depth=4).fit(DATA)

    assert one.predict(DATA).to_list() == other.predict(DATA).to_list()


def test_a_class_that_is_not_named_weighs_1():
    whole = pipeline_of("gaussian_nb", class_weight={"ill": 3.0, "well": 1.0}).fit(DATA).predict_proba(DATA)
    named = pipeline_of("gaussian_nb", class_weight={"ill": 3}).fit(DATA).predict_proba(DATA)

    assert named.equals(whole)


BAD_WEIGHTS = {
    "nothing": ({}, "names no class"),
    "negative": ({"ill": -1}, "is -1; weights must be at least 0"),
    "infinite": ({"ill": float("inf")}, "is inf; weights must be finite"),
    "no number": ({"ill": float("nan")}, "is nan; weights must be finite"),
    "text": ({"ill": "much"}, "is 'much'; weights are numbers of at least 0"),
    "boolean": ({"ill": True}, "is True; weights are numbers of at least 0"),
    "no label": ({None: 2.0}, "None is no label of a target"),
    "twice": ({1: 2.0, "1": 3.0}, "the label '1' twice"),
    "word": (
        "balance",
        "'balance' is no class_weight. Did you mean 'balanced'? It is 'balanced', null, or labels with",
    ),
    "list": ([1.0, 2.0], "[1.0, 2.0] is no class_weight; it is 'balanced'"),
}


@pytest.mark.parametrize("name", BAD_WEIGHTS)
def test_a_configuration_says_what_is_wrong_with_its_weights(name):
    weights, text = BAD_WEIGHTS[name]
    config = {"steps": [SPLIT], "model": {"node": "xgboost_classifier", "config": {"class_weight": weights}}}

    problems = validate_config(config).problems

    assert [problem.pointer for problem in problems] == ["/model/config/class_weight"]
    assert text in str(problems[0])


def stack(**more):
    inner = [{"name": "tree", **TREE}, {"name": "line", "node": "logistic_regression"}]
    return {"node": "stacking_classifier", "config": {"estimators": inner, "cv": 2, **more}}


UNKNOWN = {
    "model": {"node": "gaussian_nb", "config": {"class_weight": {"will": 2.0}}},
    "model that scikit-learn weighs": {"node": "svc", "config": {"class_weight": {"will": 2.0}}},
    "model in a vote": {
        "node": "voting_classifier",
        "config": {
            "estimators": [{"name": "a", "node": "gaussian_nb", "config": {"class_weight": {"will": 2.0}}}],
            "calibration": "sigmoid",
        },
    },
    "last model of a stack": stack(
        final_estimator={"node": "logistic_regression", "config": {"class_weight": {"will": 2.0}}}
    ),
    "calibrated model": {
        "node": "calibrated_classifier",
        "config": {"estimator": {"node": "gaussian_nb", "config": {"class_weight": {"will": 2.0}}}},
    },
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_an_unknown_label_is_refused_before_anything_learns(name):
    seen = []
    pipeline = Pipeline.from_config({"steps": [SPLIT, {"node": "StandardScaler"}], "model": UNKNOWN[name]})

    with pytest.raises(DataError) as error:
        pipeline.fit(DATA, report=lambda fraction, message: seen.append(message))

    assert error.value.reason == "unknown-class"
    assert "the label 'will', which the target does not have: its labels are 'ill', 'well'; did you mean" in str(
        error.value
    )
    assert "StandardScaler" not in seen


@pytest.mark.parametrize("weights", [{"ill": 0, "well": 0}, {"ill": 0.0}])
def test_weights_that_leave_fewer_than_two_classes_are_refused(weights):
    with pytest.raises(DataError, match="above 0 to fewer than two of the classes 'ill', 'well'") as error:
        pipeline_of("random_forest_classifier", class_weight=weights).fit(DATA)

    assert error.value.reason == "zero-weights"


def test_a_class_of_weight_0_is_as_if_it_was_not_there():
    thirds = with_labels([f"class {row % 2}" if row % 3 else label for row, label in enumerate(LABELS.tolist())])
    left = thirds.filter(pl.col("target") != "ill")
    weighed = pipeline_of("decision_tree_classifier", class_weight={"ill": 0}, max_depth=4).fit(thirds)

    alone = pipeline_of("decision_tree_classifier", max_depth=4).fit(left)

    assert "ill" not in weighed.predict(thirds).to_list()
    assert weighed.predict(left).to_list() == alone.predict(left).to_list()


def test_weights_of_rows_and_classes_that_no_model_can_sum_are_refused():
    data = DATA.with_columns(w=pl.lit(1e140))
    model = {"node": "gaussian_nb", "weights": "w", "config": {"class_weight": {"ill": 1e20}}}

    with pytest.raises(DataError, match="times class_weight are beyond 1e\\+150"):
        Pipeline.from_config({"steps": [SPLIT], "model": model}).fit(data)


def test_a_model_that_cannot_weigh_classes_says_why():
    for config in (
        {"node": "k_neighbors_classifier", "config": {"class_weight": "balanced"}},
        stack(final_estimator={"node": "k_neighbors_classifier", "config": {"class_weight": WEIGHTS}}),
    ):
        with pytest.raises(InvalidConfigError, match=r"no parameter 'class_weight'\. Neighbours count alike"):
            Pipeline.from_config({"steps": [SPLIT], "model": config})


@pytest.mark.parametrize(
    "model",
    [
        stack(class_weight="balanced", final_estimator={"node": "k_neighbors_classifier"}),
        {"node": "calibrated_classifier",
         "config": {"class_weight": WEIGHTS, "estimator": {"node": "k_neighbors_classifier"}}},
        {"node": "voting_classifier",
         "config": {"class_weight": WEIGHTS, "estimators": [{"name": "near", "node": "k_neighbors_classifier"}]}},
    ],
)  # fmt: skip
def test_a_model_made_of_models_that_cannot_weigh_rows_refuses_weights_of_classes(model):
    with pytest.raises(InvalidConfigError, match="k_neighbors_classifier cannot weigh rows; leave class_weight out"):
        Pipeline.from_config({"steps": [SPLIT], "model": model})


def test_models_inside_of_models_weigh_classes_by_their_labels():
    plain = {**TREE, "config": {"max_depth": 3}}
    inner = Pipeline.from_config({"steps": [SPLIT], "model": TREE}).fit(DATA)
    vote = {"node": "voting_classifier", "config": {"estimators": [{"name": "tree", **TREE}], "voting": "soft"}}

    pipeline = Pipeline.from_config({"steps": [SPLIT], "model": vote}).fit(DATA)

    assert pipeline.predict_proba(DATA).equals(inner.predict_proba(DATA))
    unweighed = Pipeline.from_config({"steps": [SPLIT], "model": plain}).fit(DATA)
    assert not unweighed.predict_proba(DATA).equals(inner.predict_proba(DATA))


@pytest.mark.parametrize("model", [LINE, stack(), stack(class_weight=WEIGHTS)])
def test_the_script_of_a_pipeline_weighs_the_same(model, tmp_path):
    pipeline = Pipeline.from_config({"steps": [SPLIT], "model": model}).fit(DATA)
    script = tmp_path / "script.py"
    script.write_text(pipeline.to_python())
    DATA.write_parquet(tmp_path / "train.parquet")
    DATA.select(FEATURES).write_parquet(tmp_path / "new.parquet")

    files = [str(tmp_path / "train.parquet"), str(tmp_path / "new.parquet")]
    done = subprocess.run([sys.executable, str(script), *files], capture_output=True, text=True, check=True)

    assert json.loads(done.stdout.replace("'", '"')) == pipeline.predict(DATA).to_list()


def test_a_fold_without_one_of_the_classes_learns_with_the_weights_of_the_others():
    rare = with_labels(["rare" if row == 3 else label for row, label in enumerate(LABELS.tolist())])
    pipeline = pipeline_of("gaussian_nb", {"node": "StandardScaler"}, class_weight={"rare": 5.0, "ill": 2.0})

    found = pipeline.cross_validate(rare, {"type": "k_fold", "folds": 3}, metrics=["accuracy"])

    assert len(found.folds) == 3


def test_tuning_chooses_among_weights():
    space = {"class_weight": {"choices": [None, "balanced", {"ill": 40.0}]}}
    config = {
        "steps": [{"node": "TrainTestSplit", "config": {"target": "target"}}],
        "model": {"node": "decision_tree_classifier", "config": {"max_depth": 2}},
        "tuning": {"strategy": "grid", "search_space": space, "metric": "recall_macro", "cv": {"type": "k_fold"}},
    }

    pipeline = Pipeline.from_config(config).fit(DATA)

    assert len(pipeline.tuning_result.trials) == 3
    assert {json.dumps(trial.params["class_weight"]) for trial in pipeline.tuning_result.trials} == {
        "null", '"balanced"', '{"ill": 40.0}'
    }  # fmt: skip


def test_scikit_learns_own_tools_give_weights_by_label():
    theirs = LogisticRegression(max_iter=500, class_weight=WEIGHTS).fit(MATRIX, LABELS)

    ours = SkyulfClassifier("logistic_regression", model_config=LINE["config"]).fit(MATRIX, LABELS)

    np.testing.assert_allclose(ours.predict_proba(MATRIX), theirs.predict_proba(MATRIX), rtol=0, atol=1e-9)


def test_the_json_schema_takes_what_the_configuration_takes():
    for name in NodeRegistry.names():
        entry = NodeRegistry.get(name)
        field = entry.config_model.model_fields.get("class_weight")
        if field is not None:
            forms = entry.info().json_schema["properties"]["class_weight"]["anyOf"]
            assert {form["type"] for form in forms} == {"string", "object", "null"}, name
