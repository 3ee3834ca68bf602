"""Which estimators of scikit-learn can be read, by the names of their classes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from skyulf_core.interop.reading import categories, gaps, models, numeric, selecting
from skyulf_core.interop.reading.boosted import read_adaboost_classifier, read_adaboost_regressor
from skyulf_core.interop.reading.line import Line, Step
from skyulf_core.interop.reading.made_of_models import MADE_OF_MODELS
from skyulf_core.interop.reading.more_models import MORE_MODELS
from skyulf_core.interop.reading.unsupervised import UNSUPERVISED_MODELS, WITHOUT_A_RULE

StepReader = Callable[[Line, Step], list[str]]
ReaderT = TypeVar("ReaderT")

STEPS: dict[str, StepReader] = {
    "KBinsDiscretizer": numeric.read_k_bins,
    "KNNImputer": gaps.read_knn_imputer,
    "MaxAbsScaler": numeric.read_max_abs_scaler,
    "MinMaxScaler": numeric.read_min_max_scaler,
    "MissingIndicator": gaps.read_missing_indicator,
    "OneHotEncoder": categories.read_one_hot_encoder,
    "OrdinalEncoder": categories.read_ordinal_encoder,
    "PCA": numeric.read_pca,
    "PolynomialFeatures": numeric.read_polynomial_features,
    "PowerTransformer": numeric.read_power_transformer,
    "QuantileTransformer": numeric.read_quantile_transformer,
    "RobustScaler": numeric.read_robust_scaler,
    "SelectFdr": selecting.read_select_fdr,
    "SelectFpr": selecting.read_select_fpr,
    "SelectFwe": selecting.read_select_fwe,
    "SelectKBest": selecting.read_select_k_best,
    "SelectPercentile": selecting.read_select_percentile,
    "SimpleImputer": gaps.read_simple_imputer,
    "StandardScaler": numeric.read_standard_scaler,
    "TargetEncoder": categories.read_target_encoder,
    "TruncatedSVD": numeric.read_truncated_svd,
    "VarianceThreshold": selecting.read_variance_threshold,
}
MODELS: dict[str, models.ModelReader] = {
    "HistGradientBoostingClassifier": models.read_boosting_classifier,
    "HistGradientBoostingRegressor": models.read_boosting_regressor,
    "LogisticRegression": models.read_logistic_regression,
    "RandomForestClassifier": models.read_forest,
    "Ridge": models.read_ridge,
    **MORE_MODELS,
    **UNSUPERVISED_MODELS,
    "AdaBoostClassifier": read_adaboost_classifier,
    "AdaBoostRegressor": read_adaboost_regressor,
}


def _read_member(step: Step) -> models.ReadModel:
    """Read a model inside of another one."""
    reader = reader_of(MODELS, step.estimator)
    if reader is None:
        if class_name(step.estimator) == "Pipeline":
            step.refuse("a model made of models gives all of them the same features; put the steps before it")
        step.refuse(f"there is no such model. {supported()}")
    return reader(step)


MODELS |= {name: partial(read, member=_read_member) for name, read in MADE_OF_MODELS.items()}
MODELS = dict(sorted(MODELS.items()))
FRAMES = ("ColumnTransformer", "FeatureUnion", "Pipeline")


def class_name(estimator: object) -> str | None:
    """Return the name of a class of scikit-learn itself; None for others: a subclass may do something else."""
    kind = type(estimator)
    return kind.__name__ if kind.__module__.partition(".")[0] == "sklearn" else None


def reader_of(readers: dict[str, ReaderT], estimator: object) -> ReaderT | None:
    """Return the reader of an estimator, where there is one."""
    name = class_name(estimator)
    return None if name is None else readers.get(name)


def why_not(estimator: object) -> str:
    """Return why an estimator that predicts, or that groups rows, has no reader."""
    return WITHOUT_A_RULE.get(class_name(estimator) or "", f"there is no such model. {supported()}")


def supported() -> str:
    """Return a sentence that names everything that can be read."""
    return (
        f"Supported are {', '.join(FRAMES)}, 'passthrough', 'drop', the steps {', '.join(STEPS)}, "
        f"and as the last step {', '.join(MODELS)}."
    )


def supported_table() -> str:
    """Return the same as a table in Markdown."""
    rows = {"Frames of steps": (*FRAMES, "passthrough", "drop"), "Steps": STEPS, "Models, as the last step": MODELS}
    lines = [f"| {title} | {', '.join(f'`{name}`' for name in names)} |" for title, names in rows.items()]
    return "\n".join(["| What | Classes |", "|---|---|", *lines])
