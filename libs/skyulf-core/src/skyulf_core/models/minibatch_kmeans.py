"""k-means on small batches of the rows."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field
from sklearn.cluster import MiniBatchKMeans

from skyulf_core.models._base import fitting
from skyulf_core.models._kmeans import SEARCH_SPACE, KMeansApplier, KMeansBase, centers_of
from skyulf_core.models._unsupervised import matrix_of
from skyulf_core.nodes.base import Task
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.nodes.unsupervised import UnsupervisedCalculator
from skyulf_core.params import Params

_NAME = "minibatch_kmeans"


class MiniBatchKMeansConfig(KMeansBase):
    """Configuration of minibatch_kmeans."""

    max_iter: int = Field(100, ge=1, le=100_000, title="Iterations", description="Most passes over the rows.")
    batch_size: int = Field(1024, ge=1, title="Batch", description="Rows looked at in one step.")
    tol: float = Field(
        0.0, ge=0, title="Tolerance", description="Stop when centers move less than this share of the variance; 0: not."
    )
    max_no_improvement: int | None = Field(
        10, ge=0, title="Patience", description="Steps without a better inertia before stopping; null: no limit."
    )
    init_size: int | None = Field(
        None, ge=1, title="Rows to start", description="Rows drawn for first centers; null: three batches."
    )
    reassignment_ratio: float = Field(
        0.01, ge=0, title="Reassignment", description="Centers with fewer rows, as a share of the most, are set anew."
    )


class MiniBatchKMeansApplier(KMeansApplier):
    """Says the cluster whose center is nearest."""

    node = _NAME


@NodeRegistry.register(_NAME, MiniBatchKMeansApplier)
class MiniBatchKMeansCalculator(UnsupervisedCalculator[MiniBatchKMeansConfig]):
    """Clusters around centers, learned from small batches: nearly as good as kmeans, and quick on very many rows.

    Predictions are numbers of clusters from 0. Features should be of similar scale; nulls are refused (put an imputer
    before).

    >>> data = pl.DataFrame({"x": [1.0, 1.2, 9.0, 9.1]})
    >>> params = MiniBatchKMeansCalculator().learn(data, MiniBatchKMeansConfig(n_clusters=2))
    >>> found = MiniBatchKMeansApplier().predict(data, params)
    >>> bool(found[0] == found[1] and found[1] != found[2])
    True

    >>> MiniBatchKMeansCalculator().learn(data, MiniBatchKMeansConfig(n_clusters=5))
    Traceback (most recent call last):
    skyulf_core.problems.DataError: minibatch_kmeans: 4 rows are too few for 5 clusters; take more rows, or ask \
for less
    """

    task: ClassVar[Task] = "clustering"
    keywords = ("clusters", "segments", "groups", "centers", "large data", "unsupervised")
    reference = "sklearn.cluster.MiniBatchKMeans"
    examples = (
        {"n_clusters": 3, "batch_size": 20},
        {"n_clusters": 4, "init": "random", "n_init": 2, "batch_size": 16, "init_size": 40, "max_no_improvement": None},
        {"n_clusters": 2, "max_iter": 5, "tol": 0.01, "reassignment_ratio": 0.0, "random_state": 3},
    )
    search_space: ClassVar = {**SEARCH_SPACE, "batch_size": {"low": 256, "high": 4096, "log": True}}

    def learn(
        self, features: pl.DataFrame, config: MiniBatchKMeansConfig, *, weights: NDArray[np.float64] | None = None
    ) -> Params:
        """Train; returns the centers, their inertia and the number of iterations."""
        rows = matrix_of(features, _NAME, at_least=config.n_clusters, what=f"{config.n_clusters} clusters")
        with fitting(_NAME):
            model = MiniBatchKMeans(**config.model_dump(), compute_labels=True)
            return centers_of(model.fit(rows, sample_weight=weights))
