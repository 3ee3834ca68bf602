"""Trees, forests, gradient boosting and AdaBoost beside scikit-learn's, on real data."""

import numpy as np
import pytest
from model_reference import CLASSIFICATION, REGRESSION, check_model, uneven_weights, whole_weights
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.problems import DataError

FOREST = {"n_estimators": 30, "random_state": 3}
CLASSIFIERS = {
    "decision_tree_classifier": (DecisionTreeClassifier, {"random_state": 3}),
    "random_forest_classifier": (RandomForestClassifier, FOREST),
    "extra_trees_classifier": (ExtraTreesClassifier, FOREST),
    "gradient_boosting_classifier": (GradientBoostingClassifier, {"n_estimators": 8, "random_state": 3}),
}
REGRESSORS = {
    "decision_tree_regressor": (DecisionTreeRegressor, {"random_state": 3}),
    "random_forest_regressor": (RandomForestRegressor, FOREST),
    "extra_trees_regressor": (ExtraTreesRegressor, FOREST),
    "gradient_boosting_regressor": (GradientBoostingRegressor, {"n_estimators": 30, "random_state": 3}),
}
WITHOUT_NULLS = ("gradient_boosting_classifier", "gradient_boosting_regressor")


@pytest.mark.compares("decision_tree_classifier", "random_forest_classifier", "extra_trees_classifier")
@pytest.mark.compares("gradient_boosting_classifier")
@pytest.mark.parametrize("dataset", CLASSIFICATION)
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifiers(name, dataset, tmp_path):
    estimator, config = CLASSIFIERS[name]
    nulls = name not in WITHOUT_NULLS

    check_model(name, config, estimator(**config), *CLASSIFICATION[dataset](nulls=nulls), tmp_path=tmp_path)


@pytest.mark.compares("decision_tree_regressor", "random_forest_regressor", "extra_trees_regressor")
@pytest.mark.compares("gradient_boosting_regressor")
@pytest.mark.parametrize("dataset", REGRESSION)
@pytest.mark.parametrize("name", REGRESSORS)
def test_regressors(name, dataset, tmp_path):
    estimator, config = REGRESSORS[name]
    nulls = name not in WITHOUT_NULLS

    check_model(name, config, estimator(**config), *REGRESSION[dataset](nulls=nulls), tmp_path=tmp_path)


@pytest.mark.parametrize("weigh", [whole_weights, uneven_weights])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifiers_with_weights(name, weigh, tmp_path):
    estimator, config = CLASSIFIERS[name]
    data, target = CLASSIFICATION["wine"]()

    check_model(name, config, estimator(**config), data, target, tmp_path=tmp_path, weights=weigh(len(target)))


@pytest.mark.parametrize("weigh", [whole_weights, uneven_weights])
@pytest.mark.parametrize("name", REGRESSORS)
def test_regressors_with_weights(name, weigh, tmp_path):
    estimator, config = REGRESSORS[name]
    data, target = REGRESSION["diabetes"]()

    check_model(name, config, estimator(**config), data, target, tmp_path=tmp_path, weights=weigh(len(target)))


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("decision_tree_classifier", {"criterion": "entropy", "splitter": "random", "max_depth": 5, "ccp_alpha": 0.01}),
        ("decision_tree_classifier", {"class_weight": "balanced", "max_features": "log2", "max_leaf_nodes": 9}),
        ("random_forest_classifier", {**FOREST, "class_weight": "balanced_subsample", "max_samples": 0.5}),
        ("extra_trees_classifier", {**FOREST, "bootstrap": True, "min_samples_leaf": 3, "max_features": 0.5}),
        ("gradient_boosting_classifier", {"n_estimators": 20, "loss": "exponential", "subsample": 0.8}),
        ("gradient_boosting_classifier", {"n_estimators": 20, "init": "zero", "max_leaf_nodes": 5}),
        ("gradient_boosting_classifier", {"n_estimators": 60, "n_iter_no_change": 3, "learning_rate": 0.5}),
    ],
)
def test_options_of_classifiers(name, config, tmp_path):
    config = {"random_state": 1, **config}

    estimator = CLASSIFIERS[name][0](**config)

    check_model(name, config, estimator, *CLASSIFICATION["breast_cancer"](), tmp_path=tmp_path)


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("decision_tree_regressor", {"criterion": "absolute_error", "max_depth": 4}),
        ("decision_tree_regressor", {"criterion": "poisson", "splitter": "random", "min_weight_fraction_leaf": 0.05}),
        ("random_forest_regressor", {**FOREST, "max_features": "sqrt", "max_samples": 0.5, "max_leaf_nodes": 20}),
        ("extra_trees_regressor", {**FOREST, "bootstrap": True, "min_impurity_decrease": 1.0}),
        ("gradient_boosting_regressor", {"n_estimators": 20, "loss": "huber", "alpha": 0.8, "subsample": 0.7}),
        ("gradient_boosting_regressor", {"n_estimators": 20, "loss": "quantile", "alpha": 0.2, "init": "zero"}),
        ("gradient_boosting_regressor", {"n_estimators": 20, "loss": "absolute_error", "max_depth": None}),
        ("gradient_boosting_regressor", {"n_estimators": 60, "n_iter_no_change": 3, "learning_rate": 0.5}),
    ],
)
def test_options_of_regressors(name, config, tmp_path):
    config = {"random_state": 1, **config}

    estimator = REGRESSORS[name][0](**config)
    nulls = name not in WITHOUT_NULLS

    check_model(name, config, estimator, *REGRESSION["diabetes"](nulls=nulls), tmp_path=tmp_path)


@pytest.mark.compares("adaboost_classifier")
@pytest.mark.parametrize("weigh", [None, uneven_weights])
@pytest.mark.parametrize("dataset", CLASSIFICATION)
@pytest.mark.parametrize("config", [{}, {"n_estimators": 12, "max_depth": 3, "learning_rate": 0.4}], ids=str)
def test_adaboost_classifier(config, dataset, weigh, tmp_path):
    data, target = CLASSIFICATION[dataset]()
    tree = DecisionTreeClassifier(max_depth=config.get("max_depth", 1))
    others = {name: value for name, value in config.items() if name != "max_depth"}
    weights = None if weigh is None else weigh(len(target))

    reference = AdaBoostClassifier(tree, random_state=0, **others)

    check_model("adaboost_classifier", config, reference, data, target, tmp_path=tmp_path, weights=weights)


@pytest.mark.compares("adaboost_regressor")
@pytest.mark.parametrize("weigh", [None, uneven_weights])
@pytest.mark.parametrize("dataset", REGRESSION)
@pytest.mark.parametrize("config", [{}, {"n_estimators": 12, "max_depth": 5, "loss": "square"}], ids=str)
def test_adaboost_regressor(config, dataset, weigh, tmp_path):
    data, target = REGRESSION[dataset]()
    tree = DecisionTreeRegressor(max_depth=config.get("max_depth", 3))
    others = {name: value for name, value in config.items() if name != "max_depth"}
    weights = None if weigh is None else weigh(len(target))

    reference = AdaBoostRegressor(tree, random_state=0, **others)

    check_model("adaboost_regressor", config, reference, data, target, tmp_path=tmp_path, weights=weights)


def test_boosting_gives_a_score_of_zero_to_the_second_class_as_scikit_learn_does():
    entry = NodeRegistry.get("gradient_boosting_classifier")
    frame = CLASSIFICATION["wine"]()[0].select("f0").head(10) * 0.0
    target = np.array([0, 1] * 5)
    reference = GradientBoostingClassifier(n_estimators=3).fit(frame.to_numpy(), target)

    params = entry.calculator.fit(frame, target, entry.config_model(n_estimators=3))

    assert entry.applier.predict(frame, params).tolist() == reference.predict(frame.to_numpy()).tolist() == [1] * 10


def test_the_exponential_loss_is_for_two_classes():
    entry = NodeRegistry.get("gradient_boosting_classifier")
    data, target = CLASSIFICATION["wine"]()

    with pytest.raises(DataError, match="choose log_loss"):
        entry.calculator.fit(data, target, entry.config_model(loss="exponential"))


@pytest.mark.parametrize("name", [*CLASSIFIERS, *REGRESSORS, "adaboost_classifier", "adaboost_regressor"])
def test_every_default_is_scikit_learns(name):
    ensembles = {"adaboost_classifier": (AdaBoostClassifier, {}), "adaboost_regressor": (AdaBoostRegressor, {})}
    # where scikit-learn's has no weights of classes, none is our default too
    defaults = {"class_weight": None, **{**CLASSIFIERS, **REGRESSORS, **ensembles}[name][0]().get_params()}
    depth = {"adaboost_classifier": 1, "adaboost_regressor": 3}.get(name)
    known = {"random_state": 0, **({} if depth is None else {"max_depth": depth, "min_samples_leaf": 1})}

    for field, info in NodeRegistry.get(name).config_model.model_fields.items():
        assert info.default == (known[field] if field in known else defaults[field]), field
