"""from_sklearn: votes, stacks, calibrated models and AdaBoost answer the same here."""

import numpy as np
import pytest
from interop_reading import check_predict
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.model_selection import KFold
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeRegressor
from skyulf_core import Pipeline
from skyulf_core.interop import UnsupportedEstimatorError, from_sklearn

pytestmark = pytest.mark.filterwarnings("ignore")

LINE, BAYES, GAP = ("line", LogisticRegression(C=0.3)), ("bayes", GaussianNB()), ("gap", SVC(C=2.0))
TREES = ("trees", HistGradientBoostingClassifier(max_iter=3))
NEAR = ("near", KNeighborsClassifier(4))
RIDGE, AROUND = ("line", Ridge(alpha=0.3)), ("near", KNeighborsRegressor(4))

CASES = {
    "small trees": (AdaBoostClassifier(n_estimators=9), load_wine),
    "small trees, two classes": (
        AdaBoostClassifier(DecisionTreeClassifier(max_depth=2, min_samples_leaf=3), n_estimators=9, learning_rate=0.5),
        load_breast_cancer,
    ),
    "small trees of numbers": (AdaBoostRegressor(n_estimators=9, loss="square", random_state=4), load_diabetes),
    "small trees of numbers, named": (
        AdaBoostRegressor(DecisionTreeRegressor(max_depth=None, min_samples_leaf=9), n_estimators=5), load_diabetes,
    ),
    "vote": (VotingClassifier([LINE, BAYES, GAP]), load_wine),
    "vote with weights": (VotingClassifier([LINE, BAYES, NEAR], weights=[2, 0.5, 1]), load_wine),
    "soft vote": (VotingClassifier([LINE, BAYES, TREES], voting="soft", weights=[1, 3, 2]), load_wine),
    "soft vote, two classes": (VotingClassifier([LINE, TREES], voting="soft"), load_breast_cancer),
    "vote without one": (
        VotingClassifier([LINE, ("gone", "drop"), BAYES], voting="soft", weights=[1, 5, 3]), load_wine,
    ),
    "mean": (VotingRegressor([RIDGE, AROUND], weights=np.array([1, 3])), load_diabetes),
    "stack": (StackingClassifier([LINE, BAYES, TREES]), load_wine),
    "stack, two classes": (StackingClassifier([LINE, GAP], passthrough=True, cv=3), load_breast_cancer),
    "stack of answers": (
        StackingClassifier([LINE, NEAR], stack_method="predict", final_estimator=RandomForestClassifier(5), cv=2),
        load_wine,
    ),
    "stack of decisions": (
        StackingClassifier([("line", SGDClassifier()), GAP], stack_method="decision_function", cv=2), load_wine,
    ),
    "stack of numbers": (StackingRegressor([RIDGE, AROUND], final_estimator=Ridge(), cv=3), load_diabetes),
    "stack of numbers and features": (
        StackingRegressor([RIDGE, ("gone", "drop")], final_estimator=KNeighborsRegressor(3), passthrough=True),
        load_diabetes,
    ),
    "stack of votes": (
        StackingClassifier([("vote", VotingClassifier([LINE, BAYES], voting="soft")), NEAR], cv=2), load_wine,
    ),
    "sigmoid": (CalibratedClassifierCV(LogisticRegression(C=0.3)), load_wine),
    "sigmoid of decisions": (CalibratedClassifierCV(SVC(), cv=3), load_breast_cancer),
    "isotonic": (CalibratedClassifierCV(GaussianNB(), method="isotonic", cv=3), load_wine),
    "isotonic, one model": (
        CalibratedClassifierCV(RandomForestClassifier(9), method="isotonic", ensemble=False, cv=3), load_breast_cancer,
    ),
    "sigmoid of boosting": (CalibratedClassifierCV(HistGradientBoostingClassifier(max_iter=3), cv=2), load_wine),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_models_made_of_models_predict_as_scikit_learns(name, tmp_path):
    model, load = CASES[name]
    data, target = load(return_X_y=True, as_frame=True)
    fitted = make_pipeline(StandardScaler(), model).fit(data, target)

    check_predict(fitted, data, tmp_path / "bundle", data * 1.3)


@pytest.mark.parametrize(
    "model",
    [
        VotingClassifier([LINE, BAYES]),
        StackingClassifier([LINE, BAYES], cv=3),
        CalibratedClassifierCV(GaussianNB(), cv=3),
        AdaBoostClassifier(n_estimators=5),
    ],
    ids=lambda model: type(model).__name__,
)
@pytest.mark.parametrize("labels", [["b", "a"], [False, True], [7, 3], [2.0, 1.0]], ids=str)
def test_labels_keep_their_values(model, labels, tmp_path):
    data, target = load_breast_cancer(return_X_y=True, as_frame=True)
    fitted = make_pipeline(StandardScaler(), model).fit(data, np.array(labels)[target])

    check_predict(fitted, data, tmp_path / "bundle")


@pytest.mark.parametrize("weights", [{"b": 5.0, "a": 0.5}, {"a": 3.0}], ids=str)
def test_weights_of_classes_are_taken_over_by_their_labels(weights, tmp_path):
    data, target = load_breast_cancer(return_X_y=True, as_frame=True)
    labels = np.array(["b", "a"])[target]
    fitted = make_pipeline(StandardScaler(), LogisticRegression(class_weight=weights)).fit(data, labels)

    pipeline = check_predict(fitted, data, tmp_path / "bundle")

    assert pipeline.config["model"]["config"]["class_weight"] == weights
    again = Pipeline.from_config(pipeline.config).fit(data.assign(answer=labels))
    np.testing.assert_allclose(again.predict_proba(data), fitted.predict_proba(data), rtol=0, atol=1e-9)


def test_weights_of_codes_inside_of_a_vote_become_weights_of_labels(tmp_path):
    data, target = load_breast_cancer(return_X_y=True, as_frame=True)
    labels = np.array(["well", "ill"])[target]
    # scikit-learn's votes train on codes: 0 is ill, the first of the sorted labels
    inner = LogisticRegression(class_weight={0: 6.0, 1: 0.5})
    fitted = make_pipeline(StandardScaler(), VotingClassifier([("line", inner)], voting="soft")).fit(data, labels)

    pipeline = check_predict(fitted, data, tmp_path / "bundle")

    learned = pipeline.config["model"]["config"]["estimators"][0]["config"]["class_weight"]
    assert learned == {"ill": 6.0, "well": 0.5}
    again = Pipeline.from_config(pipeline.config).fit(data.assign(answer=labels))
    np.testing.assert_allclose(again.predict_proba(data), fitted.predict_proba(data), rtol=0, atol=1e-9)


REFUSED = {
    "pipelines inside": (VotingClassifier([("line", make_pipeline(StandardScaler(), SVC()))]), "put the steps before"),
    "model without a node": (
        VotingClassifier([("line", LinearSVC())]), r"'votingclassifier__line' \(LinearSVC\).*there is no such",
    ),
    "last model without a node": (
        StackingClassifier([LINE], final_estimator=LinearSVC()), r"final_estimator' \(LinearSVC\).*no such model",
    ),
    "parameter inside": (
        VotingClassifier([("near", KNeighborsClassifier(metric="cosine"))]), r"does not take metric 'cosine'",
    ),
    "folds that are no number": (StackingClassifier([LINE], cv=KFold(3)), "does not take cv KFold"),
    "models that were fitted before": (
        StackingClassifier([("line", "FITTED")], cv="prefit"), "learned other classes|does not take cv 'prefit'",
    ),
    "frozen model": (CalibratedClassifierCV("FROZEN"), r"\(FrozenEstimator\).*no such model"),
    "default of calibration": (CalibratedClassifierCV(), r"estimator' \(LinearSVC\).*no such model"),
    "votes of small trees": (
        CalibratedClassifierCV(AdaBoostClassifier(n_estimators=5), cv=2), "the decision function of AdaBoostClassifier",
    ),
    "temperature": (CalibratedClassifierCV(GaussianNB(), method="temperature"), "does not take method 'temperature'"),
    "boosted lines": (AdaBoostClassifier(LogisticRegression(), n_estimators=3), "it boosts LogisticRegression"),
    "parameter of trees": (
        AdaBoostClassifier(DecisionTreeClassifier(max_depth=1, max_features=2), n_estimators=3),
        r"estimator' \(DecisionTreeClassifier\).*parameter max_features is 2",
    ),
    "trees that weigh classes": (
        AdaBoostClassifier(DecisionTreeClassifier(max_depth=1, class_weight="balanced"), n_estimators=3),
        "weigh classes anew each time",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_counterpart_is_refused_with_the_place_where_it_stands(name):
    model, why = REFUSED[name]
    data, target = load_wine(return_X_y=True, as_frame=True)
    fitted = LogisticRegression().fit(data, target)
    if name == "models that were fitted before":
        model.estimators = [("line", LogisticRegression().fit(data, np.array(["a", "b", "c"])[target]))]
        target = np.array(["a", "b", "c"])[target]
    if name == "frozen model":
        model.estimator = FrozenEstimator(fitted)

    with pytest.raises(UnsupportedEstimatorError, match=why):
        from_sklearn(model.fit(data, target), data)


def test_other_trees_than_those_of_the_node_are_refused():
    data, target = load_diabetes(return_X_y=True, as_frame=True)

    for model, why in (
        (AdaBoostRegressor(ExtraTreeRegressor(max_depth=2), n_estimators=3), "it boosts ExtraTreeRegressor"),
        (StackingRegressor([RIDGE]), r"final_estimator' \(RidgeCV\).*no such model"),
    ):
        with pytest.raises(UnsupportedEstimatorError, match=why):
            from_sklearn(model.fit(data, target), data)


def test_rows_that_scikit_learn_answers_are_refused_where_pipelines_refuse_them():
    data, target = load_wine(return_X_y=True, as_frame=True)
    data.iloc[3, 2] = np.inf
    model = VotingClassifier([TREES])

    with pytest.raises(UnsupportedEstimatorError, match=r"answers for rows that are refused here: .*infinite"):
        from_sklearn(model.fit(data, target), data)


def test_a_fold_that_lacks_a_class_is_refused():
    data, target = load_wine(return_X_y=True, as_frame=True)
    model = CalibratedClassifierCV(GaussianNB(), cv=KFold(3)).fit(data, target)  # wines stand in order

    with pytest.raises(UnsupportedEstimatorError, match="GaussianNB has learned other classes than the whole"):
        from_sklearn(model, data)
