"""What kmeans and minibatch_kmeans share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, JsonValue

from skyulf_core.models._configs import RandomState
from skyulf_core.models._unsupervised import ClusterApplier
from skyulf_core.nodes.base import Label, NodeConfig
from skyulf_core.params import Params
from skyulf_core.serving.ops import NearestCenter, Op

SEARCH_SPACE: Mapping[str, Mapping[str, JsonValue]] = {
    "n_clusters": {"low": 2, "high": 20},
    "init": {"choices": ["k-means++", "random"]},
}


class KMeansBase(NodeConfig):
    """Fields that both have."""

    n_clusters: int = Field(8, ge=1, le=10_000, title="Clusters", description="Number of clusters.")
    init: Literal["k-means++", "random"] = Field(
        "k-means++", title="Start", description="How first centers are chosen: far from each other, or any rows."
    )
    n_init: Literal["auto"] | Annotated[int, Field(ge=1, le=1_000)] = Field(
        "auto",
        title="Runs",
        description="How often it starts anew, the best counts; auto: once with k-means++, else several times.",
    )
    random_state: RandomState = 0


class KMeansApplier(ClusterApplier):
    """Says the cluster whose center is nearest."""

    def plan(self, params: Params, *, features: Sequence[str], classes: Sequence[Label] | None) -> list[Op]:
        """Return the centers."""
        centers = np.asarray(params.array("centers"), np.float64)
        return [NearestCenter(tuple(features), centers, np.arange(len(centers)))]


def centers_of(model: Any) -> Params:
    """Return what scikit-learn's estimator has learned."""
    centers: NDArray[np.float64] = np.ascontiguousarray(model.cluster_centers_, np.float64)
    return Params(centers=centers, n_clusters=len(centers), inertia=float(model.inertia_), n_iter=int(model.n_iter_))
