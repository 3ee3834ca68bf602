"""BIRCH: a tree of small clusters, then clusters of those."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field
from sklearn.cluster import Birch

from skyulf_core.models._base import fitting
from skyulf_core.models._unsupervised import ClusterApplier, matrix_of
from skyulf_core.nodes.base import Label, NodeConfig, Task
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.nodes.unsupervised import UnsupervisedCalculator
from skyulf_core.params import Params
from skyulf_core.problems import DataError
from skyulf_core.serving.ops import NearestCenter, Op

_NAME = "birch"


class BirchConfig(NodeConfig):
    """Configuration of birch."""

    threshold: float = Field(
        0.5, gt=0, title="Threshold", description="Largest radius of a small cluster; smaller makes more of them."
    )
    branching_factor: int = Field(
        50, ge=2, le=10_000, title="Branching factor", description="Most small clusters in a node of the tree."
    )
    n_clusters: int | None = Field(
        3, ge=1, le=10_000, title="Clusters", description="Number of clusters; null: every small cluster is one."
    )


class BirchApplier(ClusterApplier):
    """Says the cluster of the small cluster whose center is nearest."""

    node = _NAME

    def plan(self, params: Params, *, features: Sequence[str], classes: Sequence[Label] | None) -> list[Op]:
        """Return the centers of all small clusters, each with its cluster."""
        centers = np.asarray(params.array("centers"), np.float64)
        return [NearestCenter(tuple(features), centers, np.asarray(params.array("labels"), np.int64))]


@NodeRegistry.register(_NAME, BirchApplier)
class BirchCalculator(UnsupervisedCalculator[BirchConfig]):
    """Clusters of small clusters that a tree collects in one pass over the rows.

    Predictions are numbers of clusters from 0. The threshold is in the unit of the features, which should be of similar
    scale; the order of the rows matters. Nulls are refused (put an imputer before).

    >>> data = pl.DataFrame({"x": [1.0, 1.2, 9.0, 9.1]})
    >>> params = BirchCalculator().learn(data, BirchConfig(n_clusters=2))
    >>> found = BirchApplier().predict(data, params)
    >>> bool(found[0] == found[1] and found[1] != found[2])
    True

    >>> BirchCalculator().learn(data, BirchConfig(n_clusters=3))
    Traceback (most recent call last):
    skyulf_core.problems.DataError: birch: the rows make 2 small clusters, and 3 clusters are asked for; lower the \
threshold or ask for fewer
    """

    task: ClassVar[Task] = "clustering"
    weighted = False
    order_matters = True
    keywords = ("clusters", "segments", "groups", "hierarchy", "tree", "unsupervised")
    reference = "sklearn.cluster.Birch"
    examples = (
        {"n_clusters": 3},
        {"n_clusters": None, "threshold": 20.0},
        {"n_clusters": 2, "threshold": 5.0, "branching_factor": 5},
    )
    search_space: ClassVar = {
        "threshold": {"low": 0.05, "high": 2.0, "log": True},
        "branching_factor": {"low": 20, "high": 100},
        "n_clusters": {"low": 2, "high": 20},
    }

    def learn(
        self, features: pl.DataFrame, config: BirchConfig, *, weights: NDArray[np.float64] | None = None
    ) -> Params:
        """Train; returns the centers of the small clusters and the cluster of each."""
        rows = matrix_of(features, _NAME, at_least=1, what="a tree")
        with fitting(_NAME):
            model = Birch(**config.model_dump(), compute_labels=False).fit(rows)
        small = len(model.subcluster_centers_)
        if config.n_clusters is not None and small < config.n_clusters:
            raise DataError(
                f"the rows make {small} small clusters, and {config.n_clusters} clusters are asked for; "
                "lower the threshold or ask for fewer",
                reason="too-few-clusters",
                node=_NAME,
            )
        return subclusters(model)


def subclusters(model: Birch) -> Params:
    """Return the centers of a fitted model's small clusters, and the cluster of each."""
    labels = np.asarray(model.subcluster_labels_, np.int64)
    centers = np.ascontiguousarray(model.subcluster_centers_, np.float64)
    return Params(centers=centers, labels=labels, n_clusters=int(labels.max()) + 1)
