"""Weights of classes, by the labels of the target, beside what scikit-learn, XGBoost and LightGBM make of them."""

import lightgbm
import model_reference as real
import numpy as np
import pytest
import xgboost
from sklearn import ensemble, linear_model, naive_bayes, neural_network, svm, tree
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.utils.class_weight import compute_sample_weight

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::skyulf_core.problems.FitWarning"),
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
]

SEED = {"random_state": 0}
FEW = {"n_estimators": 8, **SEED}
LINE = {"name": "line", "node": "logistic_regression", "config": {"C": 0.5}}
BAYES = {"name": "bayes", "node": "gaussian_nb", "config": {}}
MEMBERS = [("line", linear_model.LogisticRegression(C=0.5)), ("bayes", naive_bayes.GaussianNB())]
TREE = tree.DecisionTreeClassifier(max_depth=2)
TOLERANCE = {"xgboost_classifier": 1e-7}  # the last bit of float32

# scikit-learn's estimator weighs classes itself
NATIVE = {
    "decision_tree_classifier": ({"max_depth": 4}, tree.DecisionTreeClassifier(max_depth=4, **SEED)),
    "extra_trees_classifier": (FEW, ensemble.ExtraTreesClassifier(**FEW)),
    "hist_gradient_boosting_classifier": ({"max_iter": 5}, ensemble.HistGradientBoostingClassifier(max_iter=5, **SEED)),
    "lgbm_classifier": ({"n_estimators": 8}, lightgbm.LGBMClassifier(verbose=-1, n_jobs=1, **FEW)),
    "logistic_regression": ({"C": 0.5}, linear_model.LogisticRegression(C=0.5)),
    "random_forest_classifier": (FEW, ensemble.RandomForestClassifier(**FEW)),
    "sgd_classifier": ({"loss": "log_loss"}, linear_model.SGDClassifier(loss="log_loss", **SEED)),
    "svc": ({"C": 2.0}, svm.SVC(C=2.0)),
}
# its estimator weighs rows, and the weights of classes are multiplied into them
MULTIPLIED = {
    "adaboost_classifier": ({"n_estimators": 8, "max_depth": 2}, ensemble.AdaBoostClassifier(TREE, **FEW)),
    "bernoulli_nb": ({"binarize": 0.3}, naive_bayes.BernoulliNB(binarize=0.3)),
    "calibrated_classifier": (
        {"estimator": {"node": "logistic_regression", "config": {"C": 0.5}}, "cv": 3},
        CalibratedClassifierCV(linear_model.LogisticRegression(C=0.5), cv=3),
    ),
    "gaussian_nb": ({}, naive_bayes.GaussianNB()),
    "gradient_boosting_classifier": ({"n_estimators": 8}, ensemble.GradientBoostingClassifier(**FEW)),
    "mlp_classifier": (
        {"hidden_layer_sizes": [6], "max_iter": 9}, neural_network.MLPClassifier((6,), max_iter=9, **SEED),
    ),
    "multinomial_nb": ({}, naive_bayes.MultinomialNB()),
    "stacking_classifier": ({"estimators": [LINE, BAYES], "cv": 3}, ensemble.StackingClassifier(MEMBERS, cv=3)),
    "voting_classifier": (
        {"estimators": [LINE, BAYES], "voting": "soft"}, ensemble.VotingClassifier(MEMBERS, voting="soft"),
    ),
    "xgboost_classifier": ({"n_estimators": 8}, xgboost.XGBClassifier(n_jobs=1, **FEW)),
}  # fmt: skip
AS_THEY_ARE = {"bernoulli_nb", "gaussian_nb", "multinomial_nb"}
"""Models that read features as they are; the others are given them at one scale."""
LABELS = {
    "breast_cancer": {"0": 4.0, 1: 0.25},
    "penguins": {"Chinstrap": 5.0, "Gentoo": 0.5},  # Adelie is not named, and weighs 1
    "wine": {0: 0.2, 1: 1.0, 2: 3.0},
}


class Weighed(BaseEstimator):
    """An estimator whose rows weigh what they weigh, times what their classes weigh."""

    def __init__(self, inner, class_weight):
        self.inner, self.class_weight = inner, class_weight

    def fit(self, x, y, sample_weight=None):
        rows = np.ones(len(y)) if sample_weight is None else sample_weight
        self.inner.fit(x, y, sample_weight=rows * compute_sample_weight(self.class_weight, y))
        return self

    def predict(self, x):
        return self.inner.predict(x)

    def predict_proba(self, x):
        return self.inner.predict_proba(x)


def of_codes(weights, target):
    if not isinstance(weights, dict):
        return weights
    texts = {str(label): weight for label, weight in weights.items()}
    return {code: texts.get(str(label), 1.0) for code, label in enumerate(np.unique(target).tolist())}


def compare(name, weights, dataset, tmp_path, rows=None):
    config, estimator = {**NATIVE, **MULTIPLIED}[name]
    data, target = real.CLASSIFICATION[dataset]()
    if name not in AS_THEY_ARE:
        data, target = real.scaled((data, target))
    theirs = of_codes(weights, target)
    reference = estimator.set_params(class_weight=theirs) if name in NATIVE else Weighed(estimator, theirs)
    weighed = {**config, "class_weight": weights}
    given = None if rows is None else rows(len(target))
    tolerance = TOLERANCE.get(name, 1e-9)
    return real.check_model(
        name, weighed, reference, data, target, tmp_path=tmp_path, weights=given, tolerance=tolerance
    )


@pytest.mark.compares(*NATIVE, *MULTIPLIED)
@pytest.mark.parametrize("dataset", LABELS)
@pytest.mark.parametrize("name", [*NATIVE, *MULTIPLIED])
def test_classes_weigh_what_their_labels_say(name, dataset, tmp_path):
    compare(name, LABELS[dataset], dataset, tmp_path)


@pytest.mark.parametrize("weights", ["balanced", LABELS["wine"]], ids=["balanced", "by label"])
@pytest.mark.parametrize("name", [*NATIVE, *MULTIPLIED])
def test_weights_of_rows_are_multiplied(name, weights, tmp_path):
    compare(name, weights, "wine", tmp_path, rows=real.uneven_weights)


@pytest.mark.parametrize("name", MULTIPLIED)
def test_balanced_where_the_estimator_itself_has_no_such_thing(name, tmp_path):
    compare(name, "balanced", "penguins", tmp_path)


def test_every_classifier_that_weighs_rows_weighs_classes():
    from skyulf_core.nodes.registry import NodeRegistry

    found = {name: NodeRegistry.get(name) for name in NodeRegistry.names()}
    classifiers = {name: e for name, e in found.items() if getattr(e.calculator, "task", "") == "classification"}

    weighing = {name for name, e in classifiers.items() if "class_weight" in e.config_model.model_fields}

    assert weighing == set(NATIVE) | set(MULTIPLIED)
    assert set(classifiers) - weighing == {"k_neighbors_classifier"}
