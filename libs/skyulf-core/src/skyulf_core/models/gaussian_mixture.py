"""Gaussian mixture: clusters as normal distributions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field
from sklearn.mixture import GaussianMixture

from skyulf_core.models._base import fitting
from skyulf_core.models._configs import RandomState
from skyulf_core.models._unsupervised import ClusterApplier, matrix_of
from skyulf_core.nodes.base import Label, NodeConfig, Task
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.nodes.unsupervised import UnsupervisedCalculator
from skyulf_core.params import Params
from skyulf_core.serving.ops import PROBABILITIES, Decode, Mixture, Op

_NAME = "gaussian_mixture"


class GaussianMixtureConfig(NodeConfig):
    """Configuration of gaussian_mixture."""

    n_components: int = Field(1, ge=1, le=10_000, title="Clusters", description="Number of normal distributions.")
    covariance_type: Literal["full", "tied", "diag", "spherical"] = Field(
        "full",
        title="Covariance",
        description="full: each its own, tied: one for all, diag: axes only, spherical: one variance each.",
    )
    tol: float = Field(1e-3, ge=0, title="Tolerance", description="Stop when the mean likelihood gains less.")
    reg_covar: float = Field(
        1e-6, ge=0, title="Regularisation", description="Added to the variances, so that none becomes 0."
    )
    max_iter: int = Field(100, ge=1, le=100_000, title="Iterations", description="Largest number, of one run.")
    n_init: int = Field(1, ge=1, le=1_000, title="Runs", description="How often it starts anew; the best counts.")
    init_params: Literal["kmeans", "k-means++", "random", "random_from_data"] = Field(
        "kmeans", title="Start", description="How the first distributions are found."
    )
    random_state: RandomState = 0


class GaussianMixtureApplier(ClusterApplier):
    """Says the most probable distribution, and the probability of each."""

    node = _NAME

    def plan(self, params: Params, *, features: Sequence[str], classes: Sequence[Label] | None) -> list[Op]:
        """Return the densities and the decoding of the largest."""
        means, factors, constants = (
            np.asarray(params.array(name), np.float64) for name in ("means", "factors", "constants")
        )
        clusters = tuple(range(len(means)))
        return [Mixture(tuple(features), means, factors, constants), Decode(clusters, by="scores")]

    def predict_proba(self, features: pl.DataFrame, params: Params) -> NDArray[np.float64] | None:
        """Return the probability of each cluster."""
        return np.concatenate([part[PROBABILITIES] for part in self._run(features, params)])


@NodeRegistry.register(_NAME, GaussianMixtureApplier)
class GaussianMixtureCalculator(UnsupervisedCalculator[GaussianMixtureConfig]):
    """Clusters as normal distributions: each row has a probability of each.

    Predictions are numbers of clusters from 0, the most probable one. Nulls are refused (put an imputer before). A
    score is exact to 1e-9 where the distributions are not thinner than the features' scale by many orders.

    >>> data = pl.DataFrame({"x": [1.0, 1.2, 1.1, 9.0, 9.1, 9.3]})
    >>> params = GaussianMixtureCalculator().learn(data, GaussianMixtureConfig(n_components=2))
    >>> GaussianMixtureApplier().predict_proba(data, params).round(3).max(axis=1).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]

    >>> GaussianMixtureCalculator().learn(data.head(1), GaussianMixtureConfig(n_components=2))
    Traceback (most recent call last):
    skyulf_core.problems.DataError: gaussian_mixture: 1 row is too few for 2 distributions; take more rows, or ask \
for less
    """

    task: ClassVar[Task] = "clustering"
    weighted = False
    keywords = ("clusters", "segments", "mixture", "em", "soft clustering", "density", "unsupervised")
    reference = "sklearn.mixture.GaussianMixture"
    examples = (
        {"n_components": 2},
        {"n_components": 3, "covariance_type": "tied", "init_params": "k-means++"},
        {"n_components": 3, "covariance_type": "diag", "n_init": 2, "init_params": "random_from_data"},
        {"n_components": 2, "covariance_type": "spherical", "max_iter": 20, "reg_covar": 1e-4},
        {},
    )
    search_space: ClassVar = {
        "n_components": {"low": 1, "high": 20},
        "covariance_type": {"choices": ["full", "tied", "diag", "spherical"]},
        "reg_covar": {"low": 1e-7, "high": 1e-2, "log": True},
    }

    def learn(
        self, features: pl.DataFrame, config: GaussianMixtureConfig, *, weights: NDArray[np.float64] | None = None
    ) -> Params:
        """Train; returns means, the factors of the precisions and what the density of each starts with."""
        least = max(2, config.n_components)
        what = f"{config.n_components} distribution{'s' if config.n_components > 1 else ''}"
        rows = matrix_of(features, _NAME, at_least=least, what=what)
        with fitting(_NAME):
            model = GaussianMixture(**config.model_dump()).fit(rows)
        return mixture_params(model)

    def clusters(self, params: Params) -> tuple[int, ...] | None:
        """Return all clusters: each has a probability."""
        return tuple(range(len(params.array("means"))))


def mixture_params(model: GaussianMixture) -> Params:
    """Return what a fitted model has learned."""
    means = np.ascontiguousarray(model.means_, np.float64)
    factors = _factors(np.asarray(model.precisions_cholesky_, np.float64), model.covariance_type, means.shape)
    return Params(
        means=means,
        factors=factors,
        constants=np.log(model.weights_) + _log_determinants(factors) - 0.5 * means.shape[1] * math.log(2 * math.pi),
        weights=np.ascontiguousarray(model.weights_, np.float64),
        n_clusters=len(means),
        n_iter=int(model.n_iter_),
        lower_bound=float(model.lower_bound_),
    )


def _factors(found: NDArray[np.float64], kind: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return factors as the operation has them: k x n x n, 1 x n x n for one of all, k x n for diagonals."""
    if kind == "tied":
        return found[None]
    return np.repeat(found[:, None], shape[1], axis=1) if kind == "spherical" else found


def _log_determinants(factors: NDArray[np.float64]) -> NDArray[np.float64]:
    diagonals = factors if factors.ndim == 2 else np.diagonal(factors, axis1=1, axis2=2)
    found: NDArray[np.float64] = np.log(diagonals).sum(axis=1)
    return found
