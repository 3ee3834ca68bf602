"""TruncatedSVD: the strongest directions, without centring."""

from __future__ import annotations

import numpy as np
import polars as pl
from pydantic import Field

from skyulf_core.nodes.base import Calculator, Kind
from skyulf_core.nodes.matrix import refusing
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


class TruncatedSVDConfig(ReductionConfig):
    """How many components, and how they are computed."""

    n_components: int = Field(default=2, ge=1, le=1000, title="Components", description="Their number.")
    n_iter: int = Field(
        default=5, ge=0, le=100, title="Iterations", description="Power iterations; more are more exact."
    )
    random_state: int = Field(
        default=42, ge=0, le=2**32 - 1, title="Random state", description="The same number gives the same components."
    )
    prefix: str = prefix_field("svd")


class TruncatedSVDApplier(ProjectionApplier):
    """Computes the components."""


@NodeRegistry.register("TruncatedSVD", TruncatedSVDApplier)
class TruncatedSVDCalculator(Calculator[TruncatedSVDConfig]):
    """Replace columns by their few strongest directions, without centring them (latent semantic analysis).

    For counts and indicators, where 0 means nothing; PCA is the same of centred columns. Missing values are refused by
    name, in training and at predict. Signs are scikit-learn's, and the solver is its randomized one; rows are sorted
    before it runs, so that their order teaches nothing (it matters where there are more columns than rows).

    >>> data = pl.DataFrame({"cat": [2, 0, 4], "dog": [2, 0, 4], "id": ["a", "b", "c"]})
    >>> params = TruncatedSVDCalculator().fit(data, TruncatedSVDConfig(n_components=1))
    >>> TruncatedSVDApplier().apply(data, params)["svd_1"].round(6).to_list()
    [2.828427, 0.0, 5.656854]

    >>> TruncatedSVDCalculator().fit(data, TruncatedSVDConfig(n_components=3))
    Traceback (most recent call last):
    skyulf_core.problems.DataError: 3 components of 2 columns and 3 rows: ask for 2 at most
    """

    family = "reduction"
    kind = Kind.LEARNED
    accepts_missing = False
    keywords = ("svd", "lsa", "latent semantic analysis", "dimension", "counts")
    examples = (
        {"columns": ["count", "flag", "lat"]},
        {"columns": ["count", "price", "lat", "lon"], "n_components": 3, "drop_original": False},
        {"columns": []},
    )
    accepts = NUMBER_LIKE
    reference = "sklearn.decomposition.TruncatedSVD"

    def fit(self, data: pl.DataFrame, config: TruncatedSVDConfig) -> Params:
        """Learn the components."""
        from sklearn.decomposition import TruncatedSVD

        columns, matrix = training_matrix(data, config)
        if not columns:
            return nothing(config)
        most = min(matrix.shape)
        if config.n_components > most:
            raise DataError(
                f"{config.n_components} components of {matrix.shape[1]} columns and {matrix.shape[0]} rows: "
                f"ask for {most} at most",
                reason="too-many-components",
            )
        model = TruncatedSVD(config.n_components, n_iter=config.n_iter, random_state=config.random_state)
        with refusing("TruncatedSVD"), np.errstate(all="ignore"):
            model.fit(matrix)
        return projection(
            data, columns, model.components_, config, prefix=config.prefix,
            singular_values=np.asarray(model.singular_values_, np.float64),
            explained_variance=np.asarray(model.explained_variance_, np.float64),
        )  # fmt: skip

    def infer_schema(self, schema: Schema, config: TruncatedSVDConfig) -> Schema:
        """Return the schema with the components."""
        return projected(schema, config, prefix=config.prefix, outputs=config.n_components)
