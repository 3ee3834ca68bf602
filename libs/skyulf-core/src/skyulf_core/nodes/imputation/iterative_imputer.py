"""IterativeImputer: each column's missing values predicted from the other columns, round after round."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field, JsonValue

from skyulf_core.nodes.base import Applier, Calculator, Kind, NodeConfig
from skyulf_core.nodes.columns import ColumnNames, chosen, chosen_from, columns_field
from skyulf_core.nodes.imputation.regressors import Step, linear_arrays, neighbour_arrays, tree_arrays
from skyulf_core.nodes.imputation.training_matrix import training_matrix
from skyulf_core.nodes.matrix import in_own_words
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.problems import DataError
from skyulf_core.schema import NUMBER_LIKE, NUMERIC, Schema
from skyulf_core.serving.ops import IterativeImpute, Op

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

_MODELS: dict[str, Literal["linear", "trees", "neighbours"]] = {
    "bayesian_ridge": "linear", "decision_tree": "trees", "extra_trees": "trees", "k_neighbors": "neighbours",
}  # fmt: skip
_TREES: list[JsonValue] = ["decision_tree", "extra_trees"]


class IterativeImputerConfig(NodeConfig):
    """What predicts a column from the others, and for how long."""

    columns: ColumnNames | None = columns_field("all integer and float columns")
    estimator: Literal["bayesian_ridge", "decision_tree", "extra_trees", "k_neighbors"] = Field(
        default="bayesian_ridge", title="Estimator", description="What predicts a column from the others."
    )
    max_iter: int = Field(
        default=10, ge=0, le=100, title="Most rounds", description="0 leaves the means of the columns."
    )
    tol: float = Field(
        default=1e-3,
        ge=0.0,
        title="Tolerance",
        description="Stop where a round changes no value by more than this part of the largest value.",
    )
    max_depth: int | None = Field(
        default=8,
        ge=1,
        le=30,
        title="Depth",
        description="Depth of the trees at most; null: no bound.",
        json_schema_extra={"x-visible-if": {"estimator": _TREES}},
    )
    n_estimators: int = Field(
        default=10,
        ge=1,
        le=100,
        title="Trees",
        description="Trees per column and round.",
        json_schema_extra={"x-visible-if": {"estimator": "extra_trees"}},
    )
    n_neighbors: int = Field(
        default=5,
        ge=1,
        le=1000,
        title="Neighbours",
        description="Rows that a prediction is the mean of (all of them where a column has fewer values).",
        json_schema_extra={"x-visible-if": {"estimator": "k_neighbors"}},
    )
    random_state: int = Field(
        default=0,
        ge=0,
        le=2**32 - 1,
        title="Random seed",
        description="The same seed and rows give the same trees.",
        json_schema_extra={"x-visible-if": {"estimator": _TREES}},
    )
    max_samples: int = Field(
        default=10_000,
        ge=1,
        le=1_000_000,
        title="Most rows",
        description="Training rows to learn from; of more a sample is drawn, the same one for the same rows.",
    )


class IterativeImputerApplier(Applier):
    """Replays the rounds of the fit with the regressors that were fitted in them."""

    def apply(self, data: pl.DataFrame, params: Params) -> pl.DataFrame:
        """Return the columns as floats without nulls."""
        columns = params.strings("columns")
        values = {name: data[name].cast(pl.Float64).to_numpy() for name in columns}
        for op in self.plan(params):
            op.batch(values)
        return data.with_columns(pl.Series(name, values[name], dtype=pl.Float64) for name in columns)

    def plan(self, params: Params) -> list[Op]:
        """Return one iterative_impute operation."""
        values, arrays = params.split()
        if not values["columns"]:
            return []
        return [IterativeImpute.from_dict({"op": IterativeImpute.op, **values, **arrays})]


@NodeRegistry.register("IterativeImputer", IterativeImputerApplier)
class IterativeImputerCalculator(Calculator[IterativeImputerConfig]):
    """Replace missing numbers by what the other columns predict, refined over several rounds.

    As scikit-learn's, with `sample_posterior=False` and its regressors `BayesianRidge()`,
    `DecisionTreeRegressor(max_depth, random_state)`, `ExtraTreesRegressor(n_estimators, max_depth, random_state)` and
    `KNeighborsRegressor(n_neighbors)`. Three differences: it learns from the rows sorted by their values (so that
    their order teaches nothing), of more than `max_samples` rows from a sample, and of equally near neighbours it
    takes the first. A prediction that is not finite becomes the column's mean.

    >>> data = pl.DataFrame({"x": [1.0, 2.0, 3.0, 4.0], "double": [2.0, 4.0, None, 8.0]})
    >>> params = IterativeImputerCalculator().fit(data, IterativeImputerConfig())
    >>> round(IterativeImputerApplier().apply(data, params)["double"][2], 3)
    6.0

    >>> IterativeImputerCalculator().fit(data.with_columns(x=pl.lit(float("inf"))), IterativeImputerConfig())
    Traceback (most recent call last):
    skyulf_core.problems.DataError: column 'x' holds infinite values or numbers too large: nothing can be \
learned from them
    """

    family = "imputation"
    kind = Kind.LEARNED
    keywords = ("missing", "null", "nan", "MICE", "regression", "multivariate", "chained equations")
    examples = (
        {},
        {"columns": ["number", "price", "flag"], "estimator": "decision_tree", "max_iter": 2, "max_depth": 3},
        {"columns": ["number", "count", "lat"], "estimator": "extra_trees", "n_estimators": 3, "max_iter": 2},
        {"columns": ["number", "count", "lon"], "estimator": "k_neighbors", "max_iter": 2, "max_samples": 60},
        {"columns": ["number"]},
        {"columns": []},
    )
    accepts = NUMBER_LIKE
    reference = "sklearn.impute.IterativeImputer"

    def fit(self, data: pl.DataFrame, config: IterativeImputerConfig) -> Params:
        """Fit the regressors of all rounds and keep their numbers."""
        columns = chosen_from(data, config.columns, NUMERIC)
        matrix = training_matrix(data, columns, config.max_samples)
        initial = np.array([values[~np.isnan(values)].mean() for values in matrix.T])
        counts = (~np.isnan(matrix)).sum(axis=0)
        neighbours = min([config.n_neighbors, *counts.tolist()])
        steps = _fitted(matrix, _regressor(config, neighbours), config) if columns else []
        rounds = len(steps) // len(columns) if columns else 0
        model = _MODELS[config.estimator]
        return Params(
            columns=columns,
            initial=initial.tolist(),
            order=[int(step.feat_idx) for step in steps[: len(columns)]],
            rounds=rounds,
            model=model if steps else "linear",
            n_neighbors=neighbours,
            **_arrays(model, steps, matrix, initial, rounds),
        )

    def infer_schema(self, schema: Schema, config: IterativeImputerConfig) -> Schema:
        """Return the schema with floats without nulls in the chosen columns."""
        return schema.change(chosen(config.columns, schema, NUMERIC), dtype="float", nullable=False)


def _regressor(config: IterativeImputerConfig, neighbours: int) -> BaseEstimator:
    from sklearn.ensemble import ExtraTreesRegressor
    from sklearn.linear_model import BayesianRidge
    from sklearn.neighbors import KNeighborsRegressor
    from sklearn.tree import DecisionTreeRegressor

    grow = {"max_depth": config.max_depth, "random_state": config.random_state}
    if config.estimator == "bayesian_ridge":
        return BayesianRidge()
    if config.estimator == "decision_tree":
        return DecisionTreeRegressor(**grow)
    if config.estimator == "extra_trees":
        return ExtraTreesRegressor(n_estimators=config.n_estimators, **grow)
    return KNeighborsRegressor(n_neighbors=neighbours)


def _fitted(matrix: NDArray[np.float64], regressor: BaseEstimator, config: IterativeImputerConfig) -> Sequence[Step]:
    """Return the steps of scikit-learn's imputer; none for a single column."""
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401 - makes the next import possible
    from sklearn.impute import IterativeImputer

    imputer = IterativeImputer(regressor, max_iter=config.max_iter, tol=config.tol)
    try:
        # that the rounds were too few to settle is no fault of the data
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            imputer.fit(matrix)
    except (ValueError, FloatingPointError, np.linalg.LinAlgError) as error:
        raise DataError(
            f"the columns cannot be predicted from each other: {in_own_words(error)}",
            reason="cannot-learn",
        ) from error
    return cast("Sequence[Step]", imputer.imputation_sequence_)


def _arrays(
    model: str, steps: Sequence[Step], matrix: NDArray[np.float64], initial: NDArray[np.float64], rounds: int
) -> dict[str, object]:
    if model == "linear" or not steps:
        return linear_arrays(steps, matrix.shape[1])
    return tree_arrays(steps) if model == "trees" else neighbour_arrays(steps, matrix, initial, rounds)
