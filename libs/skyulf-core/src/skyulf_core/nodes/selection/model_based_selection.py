"""ModelBasedSelection: columns chosen by what a model makes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field, StrictFloat, StrictInt, model_validator
from pydantic.config import JsonDict

from skyulf_core.nodes.base import Kind, NodeConfig, TargetAwareCalculator
from skyulf_core.nodes.columns import ColumnNames, chosen, chosen_from, columns_field, free_name
from skyulf_core.nodes.matrix import Matrix, in_stated_order, matrix_of, refuse_huge, refuse_nulls, refusing
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.nodes.selection.estimators import MISSING_ALLOWED, EstimatorName, build
from skyulf_core.nodes.selection.kept import SelectionApplier, maybe, selection
from skyulf_core.nodes.selection.targets import TaskChoice, task_field, task_of, values_of
from skyulf_core.params import Params
from skyulf_core.problems import DataError
from skyulf_core.schema import NUMBER_LIKE, NUMERIC, Schema

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

_FROM_MODEL: JsonDict = {"x-visible-if": {"method": "from_model"}}
_RFE: JsonDict = {"x-visible-if": {"method": "rfe"}}


class ModelBasedSelectionConfig(NodeConfig):
    """Which model judges the columns, and how many of them stay."""

    columns: ColumnNames | None = columns_field("all integer and float columns")
    method: Literal["from_model", "rfe"] = Field(
        default="from_model",
        title="Method",
        description="from_model: one training, columns with enough weight stay. rfe: the weakest columns are left out "
        "again and again.",
    )
    estimator: EstimatorName = Field(
        default="random_forest",
        title="Model",
        description="The model that judges. lasso and linear_regression need a target of numbers, logistic_regression "
        "classes; the others take both.",
    )
    threshold: (
        Annotated[StrictInt, Field(ge=0)]
        | Annotated[StrictFloat, Field(ge=0.0)]
        | Annotated[str, Field(pattern=r"^([0-9]+(\.[0-9]+)?\*)?(mean|median)$")]
        | None
    ) = Field(
        default=None,
        title="Threshold",
        description="Least weight of a column that stays: a number, `mean`, `median` or a multiple as `1.25*mean`. "
        "Left out: the mean; for lasso 0.00001.",
        json_schema_extra=_FROM_MODEL,
    )
    max_features: int | None = Field(
        default=None, ge=1, title="Most columns", description="Keep at most this many.", json_schema_extra=_FROM_MODEL
    )
    n_features_to_select: Annotated[StrictInt, Field(ge=1)] | Annotated[StrictFloat, Field(gt=0.0, lt=1.0)] | None = (
        Field(
            default=None,
            title="Columns to keep",
            description="Their number, or share of all. Left out: half of them.",
            json_schema_extra=_RFE,
        )
    )
    step: Annotated[StrictInt, Field(ge=1)] | Annotated[StrictFloat, Field(gt=0.0, lt=1.0)] = Field(
        default=1, title="Step", description="Columns, or share, left out per round.", json_schema_extra=_RFE
    )
    n_estimators: int = Field(
        default=100,
        ge=1,
        le=2000,
        title="Trees",
        description="Of a forest.",
        json_schema_extra={"x-visible-if": {"estimator": ["random_forest", "extra_trees"]}},
    )
    max_depth: int | None = Field(
        default=None,
        ge=1,
        title="Depth",
        description="Of each tree at most.",
        json_schema_extra={"x-visible-if": {"estimator": ["decision_tree", "random_forest", "extra_trees"]}},
    )
    alpha: float = Field(
        default=1.0,
        ge=0.0,
        title="Penalty",
        description="Strength of the penalty.",
        json_schema_extra={"x-visible-if": {"estimator": ["ridge", "lasso"]}},
    )
    C: float = Field(
        default=1.0,
        gt=0.0,
        title="Inverse penalty",
        description="Smaller is stronger.",
        json_schema_extra={"x-visible-if": {"estimator": ["logistic_regression", "linear_svm"]}},
    )
    max_iter: int = Field(
        default=1000,
        ge=1,
        le=100_000,
        title="Iterations",
        description="At most.",
        json_schema_extra={"x-visible-if": {"estimator": ["logistic_regression", "linear_svm", "lasso"]}},
    )
    task: TaskChoice = task_field()
    random_state: int = Field(
        default=42,
        ge=0,
        le=2**32 - 1,
        title="Random state",
        description="The same number gives the same columns.",
        json_schema_extra={
            "x-visible-if": {"estimator": ["decision_tree", "random_forest", "extra_trees", "linear_svm"]}
        },
    )

    @model_validator(mode="after")
    def _consistent(self) -> ModelBasedSelectionConfig:
        other = ("n_features_to_select",) if self.method == "from_model" else ("threshold", "max_features")
        for name in other:
            if getattr(self, name) is not None:
                raise ValueError(f"{name} is not used by method {self.method}; remove it")
        return self


class ModelBasedSelectionApplier(SelectionApplier):
    """Leaves out what the model made little of."""


@NodeRegistry.register("ModelBasedSelection", ModelBasedSelectionApplier)
class ModelBasedSelectionCalculator(TargetAwareCalculator[ModelBasedSelectionConfig]):
    """Keep the columns that a model gives weight to, by one training or by leaving out the weakest again and again.

    As scikit-learn's SelectFromModel and RFE, on rows in a stated order (sorted by all columns and the target): the
    order of the rows teaches nothing, while a forest of scikit-learn draws other rows where they come in another one.
    The trees know what to do with missing values; for the other models they are refused by name. Weights of linear
    models depend on the scale: put a scaler before. Learned: `scores` (importance, or coefficients without sign, summed
    over the classes) of a from_model, `ranking` (1: kept) of an rfe.

    >>> data = pl.DataFrame({"noise": [2, 1, 2, 1, 2, 1], "size": [1.0, 1.1, 1.2, 5.0, 5.1, 5.3]})
    >>> node, target = ModelBasedSelectionCalculator(), pl.Series("y", ["a", "a", "a", "b", "b", "b"])
    >>> params = node.fit(data, target, ModelBasedSelectionConfig(estimator="decision_tree"))
    >>> ModelBasedSelectionApplier().apply(data, params).columns
    ['size']

    >>> node.fit(data, target, ModelBasedSelectionConfig(estimator="lasso"))
    Traceback (most recent call last):
    skyulf_core.problems.DataError: lasso needs a regression's target, and 'y' is a classification's
    """

    family = "selection"
    kind = Kind.TARGET_AWARE
    keywords = ("rfe", "recursive feature elimination", "select from model", "importance", "feature selection", "lasso")
    examples = (
        {"estimator": "random_forest", "n_estimators": 10, "max_features": 3},
        {"estimator": "logistic_regression", "columns": ["count", "flag", "price"], "threshold": "0.5*median"},
        {"method": "rfe", "estimator": "decision_tree", "n_features_to_select": 3, "max_depth": 4},
        {"method": "rfe", "estimator": "linear_svm", "columns": ["count", "flag", "price"], "step": 0.3},
        {"estimator": "ridge", "columns": ["count", "lat"], "threshold": 0.0},
        {"columns": []},
    )
    accepts = NUMBER_LIKE
    reference = "sklearn.feature_selection.SelectFromModel and RFE"

    def fit(self, data: pl.DataFrame, target: pl.Series, config: ModelBasedSelectionConfig) -> Params:
        """Learn which columns stay."""
        columns = chosen_from(data, config.columns, NUMERIC)
        task = task_of(target, config.task)
        estimator = build(config.estimator, task, config.model_dump(), target=target.name)
        if not columns:
            return selection([], [])
        if config.estimator not in MISSING_ALLOWED:
            refuse_nulls(data, columns, config.estimator)
        name = free_name(target.name, set(columns))
        rows = in_stated_order(data.select(columns).with_columns(target.alias(name)))
        matrix, values = matrix_of(rows, columns), values_of(rows[name], task)
        refuse_huge(matrix, columns)
        if task == "classification" and not values.any():
            message = f"the target {target.name!r} has one class only; there is nothing to learn"
            raise DataError(message, reason="one-class", column=target.name)
        with refusing(config.estimator):
            kept, learned = (_from_model if config.method == "from_model" else _rfe)(estimator, matrix, values, config)
        return selection(columns, kept, task=task, **learned)

    def infer_schema(self, schema: Schema, config: ModelBasedSelectionConfig) -> Schema:
        """Return the schema with the looked-at columns as ones that may be dropped."""
        return maybe(schema, chosen(config.columns, schema, NUMERIC))


_Found = tuple[NDArray[np.bool_], dict[str, object]]


def _from_model(
    estimator: BaseEstimator, matrix: Matrix, target: NDArray[np.generic], config: ModelBasedSelectionConfig
) -> _Found:
    from sklearn.feature_selection import SelectFromModel

    most = None if config.max_features is None else min(config.max_features, matrix.shape[1])
    found = SelectFromModel(estimator, threshold=config.threshold, max_features=most).fit(matrix, target)
    return found.get_support(), {"scores": _weights(found.estimator_), "threshold": float(found.threshold_)}


def _rfe(
    estimator: BaseEstimator, matrix: Matrix, target: NDArray[np.generic], config: ModelBasedSelectionConfig
) -> _Found:
    from sklearn.feature_selection import RFE

    wanted = config.n_features_to_select
    wanted = min(wanted, matrix.shape[1]) if isinstance(wanted, int) else wanted
    if wanted is None or isinstance(wanted, float):  # half, or a share, of few columns is at least one
        wanted = max(1, int(matrix.shape[1] * (0.5 if wanted is None else wanted)))
    found = RFE(estimator, n_features_to_select=wanted, step=config.step).fit(matrix, target)
    return found.support_, {"ranking": np.asarray(found.ranking_, np.int64)}


def _weights(estimator: Any) -> Matrix:
    if hasattr(estimator, "feature_importances_"):
        return np.asarray(estimator.feature_importances_, np.float64)
    coefficients = np.abs(np.asarray(estimator.coef_, np.float64))
    return coefficients if coefficients.ndim == 1 else coefficients.sum(axis=0)
