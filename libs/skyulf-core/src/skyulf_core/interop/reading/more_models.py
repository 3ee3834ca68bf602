"""Models at the end of a pipeline whose numbers are read as their nodes would keep them."""

from __future__ import annotations

from typing import cast

import numpy as np
import polars as pl

from skyulf_core.interop.reading.line import Step, parsed_config
from skyulf_core.interop.reading.models import ModelReader, ReadModel, read_model
from skyulf_core.models._boosting import gradient_boosting_arrays
from skyulf_core.models._forests import trees_params
from skyulf_core.models._linear import classifier_params
from skyulf_core.models._mlp import MlpConfig, network_params
from skyulf_core.models._neighbors import NeighborsConfig, kept_rows
from skyulf_core.models._svm import SvmConfig, machine_params
from skyulf_core.models.bernoulli_nb import BernoulliNbConfig, flags_params
from skyulf_core.models.gaussian_nb import gaussian_params
from skyulf_core.models.sgd_classifier import LINKS
from skyulf_core.nodes.base import NodeConfig
from skyulf_core.params import Params


def trees(node: str) -> ModelReader:
    """Return a reader of a tree or a forest."""

    def read(step: Step) -> ReadModel:
        if step.estimator.n_outputs_ != 1:
            step.refuse(f"it predicts {step.estimator.n_outputs_} targets; supported is one")
        counted = {"n_classes": _classes(step)} if _classes(step) else {}
        return read_model(step, node, trees_params(step.estimator, **counted))

    return read


def line(node: str, *, log: bool = False, free: tuple[str, ...] = ()) -> ModelReader:
    """Return a reader of a regression that is a sum of the features, or its exponential function."""

    def read(step: Step) -> ReadModel:
        coefficients = np.atleast_2d(step.learned("coef_"))
        if len(coefficients) != 1 or np.size(step.estimator.intercept_) != 1:
            step.refuse("it predicts several targets; supported is one")
        intercepts = np.ravel(step.learned("intercept_")).copy()
        exponential = log or (node == "tweedie_regression" and _logarithm(step))
        params = Params(coefficients=np.ascontiguousarray(coefficients), intercepts=intercepts, log=exponential)
        return read_model(step, node, params, free=free)

    return read


def _logarithm(step: Step) -> bool:
    link, power = step.estimator.link, float(step.estimator.power)
    return bool(link == "log" or (link == "auto" and power > 0))


def read_gradient_boosting(step: Step) -> ReadModel:
    """Read the trees, and where boosting starts."""
    classes, row = _classes(step), np.zeros((1, len(step.columns)), np.float32)
    scale = 2.0 if getattr(step.estimator, "loss", "") == "exponential" else 1.0
    if step.estimator.init not in (None, "zero"):
        step.refuse("its parameter init is a model; supported are None and 'zero'")
    learned = gradient_boosting_arrays(step.estimator, row, scale=scale)
    node = "gradient_boosting_classifier" if classes else "gradient_boosting_regressor"
    return read_model(step, node, Params(learned, **({"n_classes": classes} if classes else {})))


def read_sgd(step: Step) -> ReadModel:
    """Read coefficients and intercepts."""
    link = LINKS.get(step.estimator.loss, "identity")
    params = classifier_params(
        step.learned("coef_"), step.learned("intercept_"), link=link, classes=_classes(step), node="sgd_classifier",
        n_iter=int(step.estimator.n_iter_),
    )  # fmt: skip
    return read_model(step, "sgd_classifier", params)


def read_multinomial_nb(step: Step) -> ReadModel:
    """Read logarithms of the shares of the features."""
    params = classifier_params(
        step.learned("feature_log_prob_"), step.learned("class_log_prior_"), link="softmax", classes=_classes(step),
        node="multinomial_nb",
    )  # fmt: skip
    return read_model(step, "multinomial_nb", params)


def read_bernoulli_nb(step: Step) -> ReadModel:
    """Read logarithms of the shares of the flags."""
    config = cast("BernoulliNbConfig", _config(step, "bernoulli_nb"))
    with step.refusing():
        params = flags_params(
            step.estimator, pl.DataFrame(schema=dict.fromkeys(step.columns, pl.Float64)), config, _classes(step)
        )
    return read_model(step, "bernoulli_nb", params)


def read_gaussian_nb(step: Step) -> ReadModel:
    """Read means and variances."""
    with step.refusing():
        return read_model(step, "gaussian_nb", gaussian_params(step.estimator, _classes(step)))


def machine(node: str) -> ModelReader:
    """Return a reader of a support vector machine."""

    def read(step: Step) -> ReadModel:
        if getattr(step.estimator, "probability", False) is True:
            step.refuse("its probabilities come of folds of its own; fit it without probability, and calibrate here")
        config = cast("SvmConfig", _config(step, node))
        with step.refusing():
            params = machine_params(step.estimator, config, node, classes=_classes(step))
        if node == "svc":
            params = Params(params, break_ties=bool(step.estimator.break_ties), probability=False)
        return read_model(step, node, params)

    return read


def neighbors(node: str) -> ModelReader:
    """Return a reader of a model of nearest neighbours: of the rows that it keeps."""

    def read(step: Step) -> ReadModel:
        config = cast("NeighborsConfig", _config(step, node))
        kept, targets = np.asarray(step.estimator._fit_X), np.asarray(step.estimator._y)
        if kept.ndim != 2 or targets.ndim != 1:
            step.refuse("it predicts several targets; supported is one")
        counted = {"n_classes": _classes(step)} if _classes(step) else {}
        with step.refusing():
            params = kept_rows(kept, targets, config, node, **counted)
        return read_model(step, node, params)

    return read


def network(node: str) -> ModelReader:
    """Return a reader of a neural network."""

    def read(step: Step) -> ReadModel:
        classes = _classes(step)
        more: dict[str, int | str] = {"n_classes": classes} if classes else {"loss": str(step.estimator.loss)}
        config = cast("MlpConfig", _config(step, node))
        with step.refusing():
            return read_model(step, node, network_params(step.estimator, config, node, **more))

    return read


def _classes(step: Step) -> int:
    return len(getattr(step.estimator, "classes_", ()))


def _config(step: Step, node: str) -> NodeConfig:
    return parsed_config(step, node, step.settings(node))


MORE_MODELS: dict[str, ModelReader] = {
    "BernoulliNB": read_bernoulli_nb,
    "DecisionTreeClassifier": trees("decision_tree_classifier"),
    "DecisionTreeRegressor": trees("decision_tree_regressor"),
    "ElasticNet": line("elasticnet_regression"),
    "ExtraTreesClassifier": trees("extra_trees_classifier"),
    "ExtraTreesRegressor": trees("extra_trees_regressor"),
    "GaussianNB": read_gaussian_nb,
    "GradientBoostingClassifier": read_gradient_boosting,
    "GradientBoostingRegressor": read_gradient_boosting,
    "HuberRegressor": line("huber_regression"),
    "KNeighborsClassifier": neighbors("k_neighbors_classifier"),
    "KNeighborsRegressor": neighbors("k_neighbors_regressor"),
    "Lasso": line("lasso_regression"),
    "LinearRegression": line("linear_regression"),
    "MLPClassifier": network("mlp_classifier"),
    "MLPRegressor": network("mlp_regressor"),
    "MultinomialNB": read_multinomial_nb,
    "PoissonRegressor": line("poisson_regression", log=True),
    "QuantileRegressor": line("quantile_regression"),
    "RandomForestRegressor": trees("random_forest_regressor"),
    "SGDClassifier": read_sgd,
    "SVC": machine("svc"),
    "SVR": machine("svr"),
    "TweedieRegressor": line("tweedie_regression"),
}
