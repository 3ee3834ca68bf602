"""Every model of the library beside the estimator of another that it is compared with, on one mixed frame."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import polars as pl
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn import ensemble, linear_model, naive_bayes, neighbors, neural_network, svm, tree
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import Birch, KMeans, MiniBatchKMeans
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler
from xgboost import XGBClassifier, XGBRegressor

from performance import mixed_frame
from performance.mixed_frame import FEW, FLAGS, NUMBERS

CLASS, NUMBER = mixed_frame.TARGET, "spent"
COLUMNS = [*NUMBERS, *FLAGS, *FEW]
SEED = {"random_state": 0}
TREES = {"n_estimators": 100, **SEED}
FOREST = {"n_estimators": 200, **SEED}

Kind = Literal["classification", "regression", "neither"]


@dataclass(frozen=True)
class Pair:
    """A model and its competitor; `estimator` makes the competitor."""

    node: str
    kind: Kind
    estimator: Callable[[], Any]
    config: Mapping[str, Any] = field(default_factory=dict)
    scaler: str = "StandardScaler"

    def ours(self) -> dict[str, Any]:
        """Return Skyulf's pipeline."""
        target = {"classification": CLASS, "regression": NUMBER}.get(self.kind)
        steps: list[dict[str, Any]] = [] if target is None else [_step("FeatureTargetSplit", target=target)]
        steps.append(_step("SimpleImputer", columns=NUMBERS, strategy="median"))
        steps += [_step(self.scaler, columns=NUMBERS), _step("OneHotEncoder", columns=FEW)]
        return {"steps": steps, "model": _step(self.node, **self.config)}

    def theirs(self) -> Pipeline:
        """Return scikit-learn's pipeline of the same steps."""
        scaler = {"StandardScaler": StandardScaler, "MinMaxScaler": MinMaxScaler}[self.scaler]
        one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
        columns = ColumnTransformer(
            [
                ("numbers", make_pipeline(SimpleImputer(strategy="median"), scaler()), NUMBERS),
                ("flags", "passthrough", FLAGS),
                ("few", one_hot, FEW),
            ]
        )
        return Pipeline([("columns", columns), ("model", self.estimator())])


def _step(node: str, **config: Any) -> dict[str, Any]:
    return {"node": node, "config": config}


def frame(rows: int, *, seed: int) -> pl.DataFrame:
    """Return 8 numbers with nulls, 2 booleans, 3 columns of categories, a class and a positive number to predict."""
    found = mixed_frame.make(rows, seed=seed)
    noise = mixed_frame.make(rows, seed=seed + 1)["n1"].fill_null(20.0)
    score = pl.col("n0").fill_null(50.0).abs() / 10 + pl.col("n3").fill_null(20.0) * pl.col("flag") + noise / 10
    return found.select(*COLUMNS, CLASS, score.alias(NUMBER))


LEARNERS = {
    "classification": [
        ("line", "logistic_regression", linear_model.LogisticRegression),
        ("tree", "decision_tree_classifier", tree.DecisionTreeClassifier),
        ("bayes", "gaussian_nb", naive_bayes.GaussianNB),
    ],
    "regression": [
        ("line", "ridge_regression", linear_model.Ridge),
        ("tree", "decision_tree_regressor", tree.DecisionTreeRegressor),
    ],
}


def _learners(kind: str) -> tuple[list[dict[str, Any]], list[tuple[str, Any]]]:
    deep = {"max_depth": 6, **SEED}
    options = {"tree": deep}
    ours = [{"name": name, **_step(node, **options.get(name, {}))} for name, node, _ in LEARNERS[kind]]
    return ours, [(name, made(**options.get(name, {}))) for name, _, made in LEARNERS[kind]]


def _simple(kind: Kind, models: Mapping[str, tuple[Any, dict[str, Any]]]) -> list[Pair]:
    """Return pairs whose parameters have the same names on both sides."""
    return [Pair(node, kind, lambda m=made, c=config: m(**c), config) for node, (made, config) in models.items()]


def _boosters() -> list[Pair]:
    one = {"n_jobs": 1}
    return [
        Pair("xgboost_classifier", "classification", lambda: XGBClassifier(**TREES, **one), TREES),
        Pair("lgbm_classifier", "classification", lambda: LGBMClassifier(**TREES, **one, verbose=-1), TREES),
        Pair("xgboost_regressor", "regression", lambda: XGBRegressor(**TREES, **one), TREES),
        Pair("lgbm_regressor", "regression", lambda: LGBMRegressor(**TREES, **one, verbose=-1), TREES),
    ]


def _made_of_models() -> list[Pair]:
    classes, their_classes = _learners("classification")
    numbers, their_numbers = _learners("regression")
    line = linear_model.LogisticRegression
    return [
        Pair(
            "calibrated_classifier", "classification", lambda: CalibratedClassifierCV(line(), cv=3),
            {"estimator": _step("logistic_regression"), "cv": 3},
        ),
        Pair(
            "voting_classifier", "classification", lambda: ensemble.VotingClassifier(their_classes, voting="soft"),
            {"estimators": classes, "voting": "soft"},
        ),
        Pair(
            "stacking_classifier", "classification", lambda: ensemble.StackingClassifier(their_classes, line(), cv=3),
            {"estimators": classes, "final_estimator": _step("logistic_regression"), "cv": 3},
        ),
        Pair(
            "voting_regressor", "regression", lambda: ensemble.VotingRegressor(their_numbers),
            {"estimators": numbers},
        ),
        Pair(
            "stacking_regressor", "regression",
            lambda: ensemble.StackingRegressor(their_numbers, linear_model.Ridge(), cv=3),
            {"estimators": numbers, "cv": 3},
        ),
    ]  # fmt: skip


def pairs() -> list[Pair]:
    """Return all models that have a competitor; scikit-learn's HDBSCAN has no answer for new rows."""
    short = {"max_iter": 30, **SEED}
    classes = {
        "logistic_regression": (linear_model.LogisticRegression, {}),
        "sgd_classifier": (linear_model.SGDClassifier, {"loss": "log_loss", **SEED}),
        "gaussian_nb": (naive_bayes.GaussianNB, {}),
        "bernoulli_nb": (naive_bayes.BernoulliNB, {}),
        "k_neighbors_classifier": (neighbors.KNeighborsClassifier, {}),
        "svc": (svm.SVC, {}),
        "mlp_classifier": (neural_network.MLPClassifier, short),
        "decision_tree_classifier": (tree.DecisionTreeClassifier, SEED),
        "random_forest_classifier": (ensemble.RandomForestClassifier, FOREST),
        "extra_trees_classifier": (ensemble.ExtraTreesClassifier, FOREST),
        "adaboost_classifier": (ensemble.AdaBoostClassifier, SEED),
        "gradient_boosting_classifier": (ensemble.GradientBoostingClassifier, TREES),
        "hist_gradient_boosting_classifier": (ensemble.HistGradientBoostingClassifier, {"max_iter": 100, **SEED}),
    }
    numbers = {
        "linear_regression": (linear_model.LinearRegression, {}),
        "ridge_regression": (linear_model.Ridge, {}),
        "lasso_regression": (linear_model.Lasso, {}),
        "elasticnet_regression": (linear_model.ElasticNet, {}),
        "huber_regression": (linear_model.HuberRegressor, {}),
        "quantile_regression": (linear_model.QuantileRegressor, {"alpha": 1e-3}),
        "poisson_regression": (linear_model.PoissonRegressor, {}),
        "tweedie_regression": (linear_model.TweedieRegressor, {"power": 1.5}),
        "k_neighbors_regressor": (neighbors.KNeighborsRegressor, {}),
        "svr": (svm.SVR, {}),
        "mlp_regressor": (neural_network.MLPRegressor, short),
        "decision_tree_regressor": (tree.DecisionTreeRegressor, SEED),
        "random_forest_regressor": (ensemble.RandomForestRegressor, FOREST),
        "extra_trees_regressor": (ensemble.ExtraTreesRegressor, FOREST),
        "adaboost_regressor": (ensemble.AdaBoostRegressor, SEED),
        "gradient_boosting_regressor": (ensemble.GradientBoostingRegressor, TREES),
        "hist_gradient_boosting_regressor": (ensemble.HistGradientBoostingRegressor, {"max_iter": 100, **SEED}),
    }
    neither = {
        "kmeans": (KMeans, {"n_clusters": 8, **SEED}),
        "minibatch_kmeans": (MiniBatchKMeans, {"n_clusters": 8, **SEED}),
        "gaussian_mixture": (GaussianMixture, {"n_components": 4, "reg_covar": 1e-3, **SEED}),
        "birch": (Birch, {"n_clusters": 8}),
        "isolation_forest": (ensemble.IsolationForest, SEED),
    }
    counts = Pair("multinomial_nb", "classification", naive_bayes.MultinomialNB, scaler="MinMaxScaler")
    outliers = Pair("local_outlier_factor", "neither", lambda: neighbors.LocalOutlierFactor(novelty=True))
    return [
        *_simple("classification", classes), counts, *_simple("regression", numbers), *_boosters(),
        *_made_of_models(), *_simple("neither", neither), outliers,
    ]  # fmt: skip
