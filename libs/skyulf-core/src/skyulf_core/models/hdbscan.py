"""HDBSCAN: clusters as dense regions, whatever their shape; what lies between them is none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field
from sklearn.cluster import HDBSCAN
from sklearn.neighbors import NearestNeighbors

from skyulf_core.models._base import fitting
from skyulf_core.models._unsupervised import ClusterApplier, matrix_of
from skyulf_core.nodes.base import Label, NodeConfig, Task
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.nodes.unsupervised import UnsupervisedCalculator
from skyulf_core.params import Params
from skyulf_core.problems import DataError
from skyulf_core.serving.ops import NearestCenter, Op
from skyulf_core.serving.ops.distances import Metric

_NAME = "hdbscan"


class HDBSCANConfig(NodeConfig):
    """Configuration of hdbscan."""

    min_cluster_size: int = Field(5, ge=2, title="Smallest cluster", description="Fewest rows of a cluster.")
    min_samples: int | None = Field(
        None,
        ge=1,
        title="Neighbours",
        description="How many rows, itself among them, say how dense it is around one; null: the smallest cluster.",
    )
    cluster_selection_epsilon: float = Field(
        0.0, ge=0, title="Least distance", description="Clusters nearer to each other than this are one."
    )
    max_cluster_size: int | None = Field(
        None,
        ge=1,
        title="Largest cluster",
        description="Most rows of a cluster (with eom); null: no limit.",
        json_schema_extra={"x-visible-if": {"cluster_selection_method": "eom"}},
    )
    metric: Metric = Field("euclidean", title="Distance", description="How far rows are apart.")
    alpha: float = Field(1.0, gt=0, title="Alpha", description="Divides distances between rows before they are linked.")
    cluster_selection_method: Literal["eom", "leaf"] = Field(
        "eom", title="Selection", description="eom: the clusters that persist longest, leaf: the smallest ones."
    )
    allow_single_cluster: bool = Field(False, title="One cluster", description="Whether all rows may be one cluster.")


class HDBSCANApplier(ClusterApplier):
    """Says the cluster of the nearest training row; none where that has none, or is too far away."""

    node = _NAME

    def plan(self, params: Params, *, features: Sequence[str], classes: Sequence[Label] | None) -> list[Op]:
        """Return the training rows with their clusters, and how far each reaches."""
        rows, radii = np.asarray(params.array("rows"), np.float64), np.asarray(params.array("radii"), np.float64)
        labels, metric = np.asarray(params.array("labels"), np.int64), str(params["metric"])
        return [NearestCenter(tuple(features), rows, labels, radii, metric)]  # type: ignore[arg-type]


@NodeRegistry.register(_NAME, HDBSCANApplier)
class HDBSCANCalculator(UnsupervisedCalculator[HDBSCANConfig]):
    """Clusters as dense regions of any shape, found without saying how many; rows between them are in none (-1).

    scikit-learn has no rule for new rows. Here a new row belongs to the cluster of the nearest training row; it is in
    none where that row is in none, or is farther away than the largest core distance in its cluster (a core distance is
    that to the `min_samples`-th nearest row, itself among them). So training rows get the clusters that were found. The
    model holds its training rows, and a prediction looks at all of them. Features should be of similar scale; nulls are
    refused (put an imputer before).

    >>> data = pl.DataFrame({"x": [1.0, 1.1, 1.2, 9.0, 9.1, 9.2]})
    >>> params = HDBSCANCalculator().learn(data, HDBSCANConfig(min_cluster_size=3))
    >>> found = HDBSCANApplier().predict(pl.DataFrame({"x": [1.15, 5.0, 9.3]}), params).tolist()
    >>> found[1], -1 in (found[0], found[2]), found[0] == found[2]
    (-1, False, False)

    >>> HDBSCANCalculator().learn(data, HDBSCANConfig(min_samples=8))
    Traceback (most recent call last):
    skyulf_core.problems.DataError: hdbscan: 6 rows are too few for 8 neighbours; take more rows, or ask for less
    """

    task: ClassVar[Task] = "clustering"
    weighted = False
    keywords = ("clusters", "segments", "density", "dbscan", "noise", "unsupervised")
    reference = "sklearn.cluster.HDBSCAN: fit_predict on the training rows; new rows by the rule stated here"
    examples = (
        {"min_cluster_size": 3},
        {"min_cluster_size": 4, "min_samples": 2, "metric": "manhattan", "cluster_selection_method": "leaf"},
        {"metric": "chebyshev", "allow_single_cluster": True, "cluster_selection_epsilon": 0.5, "alpha": 1.5},
        {"min_cluster_size": 3, "max_cluster_size": 40},
    )
    search_space: ClassVar = {
        "min_cluster_size": {"low": 3, "high": 50},
        "min_samples": {"low": 1, "high": 20},
        "cluster_selection_method": {"choices": ["eom", "leaf"]},
    }

    def learn(
        self, features: pl.DataFrame, config: HDBSCANConfig, *, weights: NDArray[np.float64] | None = None
    ) -> Params:
        """Train; returns the rows, the cluster of each, and how far each reaches."""
        neighbours = config.min_samples or config.min_cluster_size
        rows = matrix_of(features, _NAME, at_least=max(neighbours, 2), what=f"{neighbours} neighbours")
        with fitting(_NAME):
            labels = _clusters(rows, config)
            near = NearestNeighbors(n_neighbors=neighbours, metric=config.metric).fit(rows).kneighbors(rows)[0]
        return Params(
            rows=rows,
            labels=labels,
            radii=_radii(labels, near[:, -1]),
            metric=config.metric,
            n_clusters=int(labels.max()) + 1,
        )


def _clusters(rows: NDArray[np.float64], config: HDBSCANConfig) -> NDArray[np.int64]:
    try:
        found: NDArray[np.int64] = HDBSCAN(**config.model_dump(), copy=True).fit(rows).labels_.astype(np.int64)
    except (TypeError, LookupError) as error:  # where a least distance swallows the whole tree of clusters
        message = "no clusters are left to choose from; lower cluster_selection_epsilon, or scale the columns"
        raise DataError(message, reason="fit-failed", node=_NAME) from error
    return found


def _radii(labels: NDArray[np.int64], cores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each row the largest core distance in its cluster; 0 for rows in none."""
    largest = np.zeros(int(labels.max()) + 2)  # the last one is that of -1
    np.maximum.at(largest, labels, cores)
    largest[-1] = 0.0
    found: NDArray[np.float64] = largest[labels]
    return found
