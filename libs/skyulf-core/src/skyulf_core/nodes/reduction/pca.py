"""PCA: the directions in which rows differ most."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import polars as pl
from pydantic import Field, StrictFloat, StrictInt, model_validator

from skyulf_core.nodes.base import Calculator, Kind
from skyulf_core.nodes.matrix import Matrix, refusing
from skyulf_core.nodes.reduction.projecting import (
    ProjectionApplier,
    ReductionConfig,
    nothing,
    prefix_field,
    projected,
    projection,
    training_matrix,
)
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.problems import DataError
from skyulf_core.schema import NUMBER_LIKE, Schema

_ROUNDING = 1e-12


class PCAConfig(ReductionConfig):
    """How many components, and how they are computed."""

    n_components: Annotated[StrictInt, Field(ge=1, le=1000)] | Annotated[StrictFloat, Field(gt=0.0, lt=1.0)] | None = (
        Field(
            default=None,
            title="Components",
            description="Their number, or the share of the variance that they explain together. Left out: all.",
        )
    )
    whiten: bool = Field(default=False, title="Whiten", description="Bring each component to variance 1.")
    svd_solver: Literal["auto", "full", "randomized"] = Field(
        default="auto", title="Solver", description="randomized is faster where few components are wanted of many."
    )
    random_state: int = Field(
        default=42,
        ge=0,
        le=2**32 - 1,
        title="Random state",
        description="For the randomized solver.",
        json_schema_extra={"x-visible-if": {"svd_solver": ["auto", "randomized"]}},
    )
    prefix: str = prefix_field("pca")

    @model_validator(mode="after")
    def _consistent(self) -> PCAConfig:
        if self.svd_solver == "randomized" and isinstance(self.n_components, float):
            raise ValueError("the randomized solver needs a number of components, not a share of the variance")
        return self


class PCAApplier(ProjectionApplier):
    """Computes the components."""


@NodeRegistry.register("PCA", PCAApplier)
class PCACalculator(Calculator[PCAConfig]):
    """Replace columns by the few directions in which rows differ most (principal components).

    Missing values are refused by name, in training and at predict: put an imputer before. Columns with large numbers
    rule the result: put a scaler before. Signs are scikit-learn's: in each component the weight that is furthest from
    0 is positive. Rows are sorted before the solver runs, so that their order teaches nothing (it matters to the
    randomized solver where there are more columns than rows). A component whose variance is rounding (below 1e-12 of
    the largest) is not whitened; scikit-learn divides its noise by nearly 0.

    >>> data = pl.DataFrame({"metres": [1.0, 2.0, 3.0], "feet": [3.0, 6.0, 9.0], "id": ["a", "b", "c"]})
    >>> params = PCACalculator().fit(data, PCAConfig(n_components=1))
    >>> PCAApplier().apply(data, params)["pca_1"].round(6).to_list()
    [-3.162278, 0.0, 3.162278]

    >>> PCACalculator().fit(data.with_columns(feet=None), PCAConfig())
    Traceback (most recent call last):
    skyulf_core.problems.DataError: column 'feet' is missing in 3 rows, and a projection has no rule for that; \
put a SimpleImputer before it
    """

    family = "reduction"
    kind = Kind.LEARNED
    accepts_missing = False
    keywords = ("principal components", "svd", "dimension", "variance", "decorrelate", "whiten")
    examples = (
        {"columns": ["count", "price", "lat"], "n_components": 2},
        {"columns": ["count", "price", "flag"], "n_components": 0.9, "whiten": True, "drop_original": False},
        {"columns": ["lat", "lon", "price"], "n_components": 2, "svd_solver": "randomized", "prefix": "axis"},
        {"columns": ["lat", "lon"], "svd_solver": "full"},
        {"columns": []},
    )
    accepts = NUMBER_LIKE
    reference = "sklearn.decomposition.PCA"

    def fit(self, data: pl.DataFrame, config: PCAConfig) -> Params:
        """Learn means and components."""
        from sklearn.decomposition import PCA

        columns, matrix = training_matrix(data, config)
        if not columns:
            return nothing(config)
        if len(matrix) < 2:
            raise DataError("principal components need two rows at least", reason="too-few-rows")
        model = PCA(config.n_components, svd_solver=config.svd_solver, random_state=config.random_state)
        with refusing("PCA"), np.errstate(all="ignore"):
            model.fit(matrix)
        variances = np.asarray(model.explained_variance_, np.float64)
        weights = np.asarray(model.components_, np.float64)
        if config.whiten:
            weights = weights / _deviations(variances)[:, None]
        shares = np.nan_to_num(np.asarray(model.explained_variance_ratio_, np.float64))
        return projection(
            data, columns, weights, config, prefix=config.prefix, offsets=model.mean_,
            explained_variance=variances, explained_variance_ratio=shares,
        )  # fmt: skip

    def infer_schema(self, schema: Schema, config: PCAConfig) -> Schema:
        """Return the schema with the components."""
        wanted = config.n_components if isinstance(config.n_components, int) else None
        return projected(schema, config, prefix=config.prefix, outputs=wanted)


def _deviations(variances: Matrix) -> Matrix:
    still = variances <= variances.max(initial=0.0) * _ROUNDING
    return np.where(still, 1.0, np.sqrt(np.where(still, 1.0, variances)))
