"""FeatureAgglomeration: columns that go together, pooled."""

from __future__ import annotations

from typing import Literal

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


class FeatureAgglomerationConfig(ReductionConfig):
    """How many groups of columns, and what makes a group."""

    n_clusters: int = Field(default=2, ge=1, le=1000, title="Groups", description="Number of columns that come out.")
    linkage: Literal["ward", "complete", "average", "single"] = Field(
        default="ward",
        title="Linkage",
        description="Distance of two groups: ward (least added variance), or the largest, mean or smallest distance.",
    )
    pooling: Literal["mean"] = Field(
        default="mean", title="Pooling", description="What a group becomes: the mean of its columns."
    )
    prefix: str = prefix_field("group")


class FeatureAgglomerationApplier(ProjectionApplier):
    """Computes the mean of each group."""


@NodeRegistry.register("FeatureAgglomeration", FeatureAgglomerationApplier)
class FeatureAgglomerationCalculator(Calculator[FeatureAgglomerationConfig]):
    """Replace groups of columns that go together by their mean.

    Columns are compared by their values: bring them to one scale before. Missing values are refused by name, in
    training and at predict. Groups are numbered as scikit-learn numbers them.

    >>> data = pl.DataFrame({"a": [1.0, 2.0, 3.0], "b": [1.0, 2.0, 4.0], "c": [9.0, 0.0, 9.0]})
    >>> params = FeatureAgglomerationCalculator().fit(data, FeatureAgglomerationConfig())
    >>> FeatureAgglomerationApplier().apply(data, params).to_dict(as_series=False)
    {'group_1': [1.0, 2.0, 3.5], 'group_2': [9.0, 0.0, 9.0]}

    >>> FeatureAgglomerationCalculator().fit(data, FeatureAgglomerationConfig(n_clusters=4))
    Traceback (most recent call last):
    skyulf_core.problems.DataError: 3 columns cannot make 4 groups
    """

    family = "reduction"
    kind = Kind.LEARNED
    accepts_missing = False
    keywords = ("cluster", "hierarchical", "ward", "group columns", "pooling", "dimension")
    examples = (
        {"columns": ["count", "price", "lat", "lon"]},
        {"columns": ["count", "price", "flag"], "linkage": "average", "drop_original": False},
        {"columns": ["count", "price", "lat", "lon"], "n_clusters": 3, "linkage": "complete", "prefix": "pool"},
        {"columns": ["count", "lat"], "n_clusters": 1, "linkage": "single"},
        {"columns": []},
    )
    accepts = NUMBER_LIKE
    reference = "sklearn.cluster.FeatureAgglomeration"

    def fit(self, data: pl.DataFrame, config: FeatureAgglomerationConfig) -> Params:
        """Learn which columns make a group."""
        from sklearn.cluster import FeatureAgglomeration

        columns, matrix = training_matrix(data, config)
        if not columns:
            return nothing(config)
        if config.n_clusters > len(columns):
            message = f"{len(columns)} columns cannot make {config.n_clusters} groups"
            raise DataError(message, reason="too-many-groups")
        labels = np.zeros(len(columns), np.int64)
        if len(columns) > 1:  # one column is a group of its own; scikit-learn refuses it
            model = FeatureAgglomeration(config.n_clusters, linkage=config.linkage)
            with refusing("FeatureAgglomeration"), np.errstate(all="ignore"):
                labels = np.asarray(model.fit(matrix).labels_, np.int64)
        members = (labels == np.arange(config.n_clusters)[:, None]).astype(np.float64)
        weights = members / members.sum(axis=1, keepdims=True)
        return projection(data, columns, weights, config, prefix=config.prefix, labels=labels)

    def infer_schema(self, schema: Schema, config: FeatureAgglomerationConfig) -> Schema:
        """Return the schema with the groups."""
        return projected(schema, config, prefix=config.prefix, outputs=config.n_clusters)
