"""Votes and stacks against scikit-learn on real data."""

import model_reference as real
import numpy as np
import polars as pl
import pytest
from sklearn.base import BaseEstimator
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.svm import SVC, SVR
from skyulf_core import DataError, InvalidConfigError, NodeRegistry, Pipeline
from skyulf_core.bundle import verify
from skyulf_core.serving import load_plan
from skyulf_core.tuning.space import SearchSpace

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::skyulf_core.problems.FitWarning"),
]

BOOSTING = {"max_iter": 4, "random_state": 0}
CLASSES = [
    ({"name": "line", "node": "logistic_regression", "config": {"C": 0.5}}, LogisticRegression(C=0.5)),
    ({"name": "gap", "node": "svc", "config": {"C": 3.0}}, SVC(C=3.0)),
    (
        {"name": "trees", "node": "hist_gradient_boosting_classifier", "config": BOOSTING},
        HistGradientBoostingClassifier(**BOOSTING),
    ),
]
NUMBERS = [
    ({"name": "line", "node": "ridge_regression", "config": {"alpha": 3.0}}, Ridge(alpha=3.0)),
    ({"name": "curve", "node": "svr", "config": {"C": 9.0}}, SVR(C=9.0)),
    (
        {"name": "trees", "node": "hist_gradient_boosting_regressor", "config": BOOSTING},
        HistGradientBoostingRegressor(**BOOSTING),
    ),
]


class HardVote(BaseEstimator):
    """scikit-learn's vote, and the shares of votes as probabilities."""

    def __init__(self, vote):
        self.vote = vote

    def fit(self, x, y, sample_weight=None):
        self.vote.fit(x, y, **({} if sample_weight is None else {"sample_weight": sample_weight}))
        self.classes = len(np.unique(y))
        return self

    def predict(self, x):
        return self.vote.predict(x)

    def predict_proba(self, x):
        named = self.vote.transform(x)
        weights = np.array(self.vote.weights or [1.0] * named.shape[1])
        return np.stack([(weights * (named == k)).sum(axis=1) for k in range(self.classes)], axis=1) / weights.sum()


def _ours(learners):
    return [ours for ours, _ in learners]


def _theirs(learners):
    return [(ours["name"], estimator) for ours, estimator in learners]


def _weights(data, frame):
    return real.uneven_weights(frame.height) if data in ("wine", "penguins") else None


@pytest.mark.compares("voting_classifier")
@pytest.mark.parametrize("data", ["breast_cancer", "wine", "penguins"])
def test_soft_votes_are_scikit_learns(data, tmp_path):
    frame, target = real.scaled(real.CLASSIFICATION[data]())
    learners, votes = [CLASSES[0], CLASSES[2]], [2.0, 0.5]
    config = {"estimators": _ours(learners), "voting": "soft", "weights": votes}
    reference = VotingClassifier(_theirs(learners), voting="soft", weights=votes)

    real.check_model(
        "voting_classifier", config, reference, frame, target, tmp_path=tmp_path, weights=_weights(data, frame)
    )


@pytest.mark.compares("voting_classifier")
@pytest.mark.parametrize(("data", "votes"), [("breast_cancer", None), ("wine", [1.0, 2.0, 1.5]), ("penguins", None)])
def test_hard_votes_are_scikit_learns(data, votes, tmp_path):
    frame, target = real.scaled(real.CLASSIFICATION[data]())
    config = {"estimators": _ours(CLASSES), "weights": votes}
    reference = HardVote(VotingClassifier(_theirs(CLASSES), weights=votes))

    real.check_model(
        "voting_classifier", config, reference, frame, target, tmp_path=tmp_path, weights=_weights(data, frame)
    )


@pytest.mark.compares("voting_regressor")
@pytest.mark.parametrize(("data", "votes"), [("diabetes", None), ("wine", [1.0, 2.0, 1.5]), ("penguins", [3, 0, 1])])
def test_means_of_regressions_are_scikit_learns(data, votes, tmp_path):
    frame, target = real.scaled(real.REGRESSION[data]())
    config = {"estimators": _ours(NUMBERS), "weights": votes}
    reference = VotingRegressor(_theirs(NUMBERS), weights=votes)

    real.check_model(
        "voting_regressor", config, reference, frame, target, tmp_path=tmp_path, weights=_weights(data, frame)
    )


@pytest.mark.compares("stacking_classifier")
@pytest.mark.parametrize(
    ("data", "options"),
    [
        ("breast_cancer", {"passthrough": True}),
        ("wine", {"cv": 3}),
        ("penguins", {"cv": 4, "passthrough": True}),
        ("wine", {"stack_method": "decision_function", "cv": 2}),
        ("breast_cancer", {"stack_method": "predict", "cv": 2}),
    ],
)
def test_stacks_of_classifiers_are_scikit_learns(data, options, tmp_path):
    frame, target = real.scaled(real.CLASSIFICATION[data]())
    final = {"node": "logistic_regression", "config": {"C": 2.0}}
    config = {"estimators": _ours(CLASSES), "final_estimator": final, **options}
    reference = StackingClassifier(_theirs(CLASSES), LogisticRegression(C=2.0), **options)

    real.check_model(
        "stacking_classifier", config, reference, frame, target, tmp_path=tmp_path, weights=_weights(data, frame)
    )


@pytest.mark.compares("stacking_regressor")
@pytest.mark.parametrize(
    ("data", "options"), [("diabetes", {"passthrough": True}), ("wine", {"cv": 3}), ("penguins", {"cv": 2})]
)
def test_stacks_of_regressions_are_scikit_learns(data, options, tmp_path):
    frame, target = real.scaled(real.REGRESSION[data]())
    config = {"estimators": _ours(NUMBERS), **options}
    reference = StackingRegressor(_theirs(NUMBERS), Ridge(), **options)

    real.check_model(
        "stacking_regressor", config, reference, frame, target, tmp_path=tmp_path, weights=_weights(data, frame)
    )


@pytest.mark.compares("stacking_classifier", "voting_regressor")
def test_models_that_take_nulls_take_them_together(tmp_path):
    frame, target = real.penguins(nulls=True)
    learners = [CLASSES[2]]
    reference = StackingClassifier(_theirs(learners), LogisticRegression(), cv=2)
    real.check_model(
        "stacking_classifier", {"estimators": _ours(learners), "cv": 2}, reference, frame, target, tmp_path=tmp_path
    )

    frame, target = real.penguins_by_mass(nulls=True)
    config = {"estimators": _ours([NUMBERS[2]])}
    real.check_model(
        "voting_regressor", config, VotingRegressor(_theirs([NUMBERS[2]])), frame, target, tmp_path=tmp_path / "2"
    )


def test_a_stack_of_stacks_is_saved_and_served(tmp_path):
    frame, target = real.iris()
    line, near = {"name": "line", "node": "logistic_regression"}, {"name": "near", "node": "k_neighbors_classifier"}
    inner = {"node": "stacking_classifier", "config": {"estimators": [line], "cv": 2, "passthrough": True}}
    vote = {"name": "vote", "node": "voting_classifier", "config": {"estimators": [line, near], "voting": "soft"}}
    config = {"estimators": [vote, near], "final_estimator": inner, "cv": 2, "calibration": "sigmoid"}
    steps = [{"node": "FeatureTargetSplit", "config": {"target": "y"}}]
    model = {"node": "stacking_classifier", "config": config}
    pipeline = Pipeline.from_config({"steps": steps, "model": model}).fit(frame.with_columns(pl.Series("y", target)))

    pipeline.save(tmp_path / "bundle")

    assert verify(tmp_path / "bundle").rows > 0
    plan, rows = load_plan(tmp_path / "bundle"), frame.to_dicts()
    batch = plan.predict_batch(rows)
    assert batch.predictions == pipeline.predict(frame).to_list()
    assert np.mean(np.array(batch.predictions) == target) > 0.9
    for row, label, shares in zip(rows[::15], batch.predictions[::15], batch.probabilities[::15], strict=True):
        alone = plan.predict_row(row)
        assert alone.predictions == [label]
        assert list(alone.probabilities[0].values()) == pytest.approx(list(shares.values()), abs=1e-12)


def test_the_last_model_does_not_learn_from_rows_that_the_others_know():
    """One neighbour knows every row that it has learned; on noise, its answers for other rows are worth nothing."""
    draw = np.random.default_rng(4)
    frame, target = pl.DataFrame(draw.normal(size=(400, 3)), schema=["a", "b", "c"]), draw.integers(0, 2, 400)
    entry = NodeRegistry.get("stacking_classifier")
    near = {"name": "near", "node": "k_neighbors_classifier", "config": {"n_neighbors": 1}}

    params = entry.calculator.fit(frame, target, entry.config_model(estimators=[near]))

    assert np.abs(entry.applier.predict_proba(frame, params) - 0.5).max() < 0.15


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"estimators": []}, "at least 1 item"),
        ({"estimators": [{"name": "a", "node": "svr"}]}, "svr does regression"),
        ({"estimators": [{"name": "a", "node": "svc"}, {"name": "a", "node": "svc"}]}, "have the name 'a'"),
        ({"estimators": [{"name": "a", "node": "svc"}], "weights": [1, 2]}, "2 weights for 1 estimators"),
        ({"estimators": [{"name": "a", "node": "svc"}], "weights": [0]}, "must be above 0"),
        ({"estimators": [{"name": "a", "node": "svc", "config": {"cc": 1}}]}, "no parameter 'cc'"),
    ],
)
def test_what_cannot_vote_is_said_before_training(config, message):
    steps = [{"node": "FeatureTargetSplit", "config": {"target": "y"}}]

    with pytest.raises(InvalidConfigError, match=message):
        Pipeline.from_config({"steps": steps, "model": {"node": "voting_classifier", "config": config}})


def test_a_soft_vote_needs_probabilities():
    frame, target = real.wine()
    entry = NodeRegistry.get("voting_classifier")
    config = entry.config_model(estimators=[{"name": "a", "node": "svc"}], voting="soft")

    with pytest.raises(DataError, match="svc gives no probabilities"):
        entry.calculator.fit(frame, target.astype(np.int64), config)


def test_a_class_of_one_row_cannot_be_stacked():
    frame, target = pl.DataFrame({"a": [0.0, 1.0, 2.0, 3.0]}), np.array([0, 0, 0, 1])
    entry = NodeRegistry.get("stacking_classifier")
    config = entry.config_model(estimators=[CLASSES[0][0]])

    with pytest.raises(DataError, match="one training row"):
        entry.calculator.fit(frame, target, config)


@pytest.mark.parametrize(
    "name",
    ["k_neighbors_classifier", "k_neighbors_regressor", "svc", "svr", "mlp_classifier", "mlp_regressor",
     "calibrated_classifier", "voting_classifier", "stacking_classifier", "stacking_regressor"],
)  # fmt: skip
def test_what_tuning_searches_by_default_can_be_tried(name):
    entry = NodeRegistry.get(name)
    steps = [{"node": "FeatureTargetSplit", "config": {"target": "y"}}]
    pipeline = Pipeline.from_config(
        {"steps": steps, "model": {"node": name, "config": dict(entry.calculator.examples[0])}}
    )

    names = set(SearchSpace.of(None, pipeline._resolved).names)
    assert {each for each in names if not each.startswith("estimators.")} == set(entry.calculator.search_space)
    # models made of models search what their members would
    assert any(each.startswith("estimators.") for each in names) == ("estimators" in entry.config_model.model_fields)


def test_parameters_of_base_learners_are_tuned_by_their_address():
    steps = [{"node": "FeatureTargetSplit", "config": {"target": "y"}}]
    model = {"node": "voting_classifier", "config": {"estimators": [CLASSES[1][0], CLASSES[0][0]]}}
    resolved = Pipeline.from_config({"steps": steps, "model": model})._resolved

    space = SearchSpace.of({"estimators.1.config.C": {"low": 0.1, "high": 10.0}}, resolved)
    tried = space.applied(resolved, {"estimators.1.config.C": 0.25})

    assert [learner.parsed.C for learner in tried.model.parsed.estimators] == [3.0, 0.25]
