"""Pipelines that together use every model with a target: as base learners of each other, so that they are few."""

from collections.abc import Iterator, Mapping
from typing import cast

from pydantic import JsonValue
from skyulf_core import NodeRegistry
from skyulf_core.nodes.base import UNSUPERVISED, ModelCalculator, NodeConfig

Config = dict[str, object]
Learner = tuple[str, dict[str, JsonValue]]

FEATURES = ["number", "count", "large", "plan", "flag"]
LINES: list[Learner] = [
    ("logistic_regression", {"max_iter": 30}),
    ("sgd_classifier", {"loss": "log_loss", "max_iter": 20}),
    ("gaussian_nb", {}),
    ("bernoulli_nb", {"binarize": 0.5}),
    ("multinomial_nb", {}),
    ("k_neighbors_classifier", {}),
    ("mlp_classifier", {"hidden_layer_sizes": [8], "max_iter": 5}),
    ("svc", {"probability": True, "cv": 3}),
    ("calibrated_classifier", {"estimator": {"node": "logistic_regression"}, "cv": 2, "method": "isotonic"}),
]
TREES: list[Learner] = [
    ("decision_tree_classifier", {"max_depth": 4}),
    ("random_forest_classifier", {"n_estimators": 5}),
    ("extra_trees_classifier", {"n_estimators": 5}),
    ("adaboost_classifier", {"n_estimators": 5}),
    ("gradient_boosting_classifier", {"n_estimators": 3}),
    ("hist_gradient_boosting_classifier", {"max_iter": 3}),
    ("lgbm_classifier", {"n_estimators": 3, "min_child_samples": 3}),
    ("xgboost_classifier", {"n_estimators": 3}),
]
CURVES: list[Learner] = [
    ("linear_regression", {}),
    ("ridge_regression", {}),
    ("lasso_regression", {"alpha": 0.1}),
    ("elasticnet_regression", {"alpha": 0.1}),
    ("huber_regression", {}),
    ("poisson_regression", {}),
    ("tweedie_regression", {"power": 1.5}),
    ("quantile_regression", {"quantile": 0.6, "alpha": 0.01}),
    ("k_neighbors_regressor", {}),
    ("mlp_regressor", {"hidden_layer_sizes": [8], "max_iter": 5}),
    ("svr", {}),
    ("adaboost_regressor", {"n_estimators": 5}),
]
STAIRS: list[Learner] = [
    (name.replace("classifier", "regressor"), config) for name, config in TREES if name != "adaboost_classifier"
]


def pipelines() -> list[Config]:
    """Return configurations for `every_node.training`; nothing but the linear model of the stacks is in two of them."""
    return [
        _pipeline("label", _of_many("voting_classifier", LINES, voting="soft")),
        _pipeline("label", _of_many("stacking_classifier", TREES, cv=2)),
        # without probabilities
        _pipeline("label", _of_many("voting_classifier", [("svc", {"kernel": "linear"}), *TREES[:2]])),
        _pipeline("flag", _model("logistic_regression", max_iter=50), **_decided("threshold", "calibration")),
        _pipeline(
            "label", _model("hist_gradient_boosting_classifier", max_iter=5), **_decided("threshold", "conformal")
        ),
        _pipeline("price", _of_many("voting_regressor", CURVES)),
        _pipeline("price", _of_many("stacking_regressor", STAIRS, cv=2)),
    ]


def names_in(config: object) -> Iterator[str]:
    """Yield the names of all nodes that a configuration names, however deep."""
    if isinstance(config, Mapping):
        if isinstance(config.get("node"), str):
            yield config["node"]
        for value in config.values():
            yield from names_in(value)
    elif isinstance(config, list):
        for value in config:
            yield from names_in(value)


def wanted() -> set[str]:
    """Return the names of all models that jobs train: those that learn without a target are refused there."""
    entries = [NodeRegistry.get(name) for name in NodeRegistry.names()]
    calculators = {entry.name: entry.calculator for entry in entries if entry.is_model}
    tasks = {name: cast("ModelCalculator[NodeConfig]", found).task for name, found in calculators.items()}
    return {name for name, task in tasks.items() if task not in UNSUPERVISED}


def _pipeline(target: str, model: Config, **further: object) -> Config:
    features = [name for name in FEATURES if name != target]
    flags = [name for name in ("flag",) if name != target]
    return {
        "steps": [
            {"node": "TrainTestSplit", "config": {"target": target, "random_state": 3, "test_size": 0.2}},
            {"node": "SelectColumns", "config": {"columns": features}},
            {"node": "SimpleImputer", "config": {"columns": ["number"]}},
            {"node": "OneHotEncoder", "config": {"columns": ["plan", *flags]}},
            {"node": "MinMaxScaler"},
        ],
        "model": model,
        **further,
    }


def _model(node: str, **config: object) -> Config:
    return {"node": node, "config": config}


def _of_many(node: str, learners: list[Learner], **config: object) -> Config:
    members = [{"name": f"{name}-{index}", "node": name, "config": own} for index, (name, own) in enumerate(learners)]
    return {"node": node, "config": {"estimators": members, **config}}


def _decided(*names: str) -> Config:
    """What is chosen on rows that the model has not learned from."""
    known: Config = {
        "threshold": {"by": "metric", "metric": "f1_macro"},
        "calibration": {"method": "isotonic"},
        "conformal": {"coverage": 0.8},
    }
    return {"validation": {"cv": {"type": "k_fold", "folds": 3}, **{name: known[name] for name in names}}}
