"""k-means: clusters around centers."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field
from sklearn.cluster import KMeans

from skyulf_core.models._base import fitting
from skyulf_core.models._kmeans import SEARCH_SPACE, KMeansApplier, KMeansBase, centers_of
from skyulf_core.models._unsupervised import matrix_of
from skyulf_core.nodes.base import Task
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.nodes.unsupervised import UnsupervisedCalculator
from skyulf_core.params import Params

_NAME = "kmeans"


class KMeansConfig(KMeansBase):
    """Configuration of kmeans."""

    max_iter: int = Field(300, ge=1, le=100_000, title="Iterations", description="Largest number, of one run.")
    tol: float = Field(
        1e-4, ge=0, title="Tolerance", description="Stop when centers move less than this share of the variance."
    )
    algorithm: Literal["lloyd", "elkan"] = Field(
        "lloyd", title="Algorithm", description="The same result; elkan may be quicker for clusters far apart."
    )


class KMeansNodeApplier(KMeansApplier):
    """Says the cluster whose center is nearest."""

    node = _NAME


@NodeRegistry.register(_NAME, KMeansNodeApplier)
class KMeansCalculator(UnsupervisedCalculator[KMeansConfig]):
    """Clusters around centers: each row belongs to the nearest.

    Predictions are numbers of clusters from 0. Features should be of similar scale; nulls are refused (put an imputer
    before).

    >>> data = pl.DataFrame({"x": [1.0, 1.2, 9.0, 9.1]})
    >>> params = KMeansCalculator().learn(data, KMeansConfig(n_clusters=2))
    >>> KMeansNodeApplier().predict(data, params).tolist()
    [1, 1, 0, 0]

    >>> KMeansCalculator().learn(data, KMeansConfig(n_clusters=5))
    Traceback (most recent call last):
    skyulf_core.problems.DataError: kmeans: 4 rows are too few for 5 clusters; take more rows, or ask \
for less
    """

    task: ClassVar[Task] = "clustering"
    keywords = ("clusters", "segments", "groups", "centers", "lloyd", "elkan", "unsupervised")
    reference = "sklearn.cluster.KMeans"
    examples = (
        {"n_clusters": 3},
        {"n_clusters": 4, "init": "random", "n_init": 2, "algorithm": "elkan", "random_state": 3},
        {"n_clusters": 1, "max_iter": 5, "tol": 0.01},
    )
    search_space = SEARCH_SPACE

    def learn(
        self, features: pl.DataFrame, config: KMeansConfig, *, weights: NDArray[np.float64] | None = None
    ) -> Params:
        """Train; returns the centers, their inertia and the number of iterations."""
        rows = matrix_of(features, _NAME, at_least=config.n_clusters, what=f"{config.n_clusters} clusters")
        with fitting(_NAME):
            return centers_of(KMeans(**config.model_dump()).fit(rows, sample_weight=weights))
