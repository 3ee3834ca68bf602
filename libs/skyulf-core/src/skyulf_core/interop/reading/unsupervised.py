"""Clusterings and detectors of anomalies at the end of a pipeline."""

from __future__ import annotations

from typing import cast

import numpy as np

from skyulf_core.interop.reading.line import Step, parsed_config
from skyulf_core.interop.reading.models import ModelReader, ReadModel, read_model
from skyulf_core.models._kmeans import centers_of
from skyulf_core.models.birch import subclusters
from skyulf_core.models.gaussian_mixture import mixture_params
from skyulf_core.models.isolation_forest import forest_params
from skyulf_core.models.local_outlier_factor import LocalOutlierFactorConfig, factor_params

_EUCLIDEAN = {"minkowski": {1: "manhattan", 2: "euclidean"}, "l1": "manhattan", "l2": "euclidean"}
_NOT_THE_RESULT = ("algorithm", "leaf_size", "novelty", "p")
"""How neighbours are searched, which says nothing of which they are; the power is in the metric."""


def _k_means(node: str, *, free: tuple[str, ...] = ()) -> ModelReader:
    """Return a reader of centers."""

    def read(step: Step) -> ReadModel:
        step.learned("cluster_centers_")
        if not isinstance(step.estimator.init, str):
            step.refuse("its parameter init is not a name; supported are 'k-means++' and 'random'")
        return read_model(step, node, centers_of(step.estimator), free=free)

    return read


def read_birch(step: Step) -> ReadModel:
    """Read the small clusters, and the clusters that they belong to."""
    return read_model(step, "birch", subclusters(step.estimator), free=("compute_labels",))


def read_gaussian_mixture(step: Step) -> ReadModel:
    """Read the normal distributions."""
    step.learned("precisions_cholesky_")
    return read_model(step, "gaussian_mixture", mixture_params(step.estimator), free=("verbose_interval",))


def read_isolation_forest(step: Step) -> ReadModel:
    """Read the trees, and where decisions begin."""
    return read_model(step, "isolation_forest", forest_params(step.estimator, step.estimator.offset_))


def read_local_outlier_factor(step: Step) -> ReadModel:
    """Read the rows and the density around each. Refuses one that says nothing of new rows."""
    node, model = "local_outlier_factor", step.estimator
    if not model.novelty:
        step.refuse("with novelty=False it has no rule for new rows; fit it with novelty=True")
    known = _EUCLIDEAN.get(model.metric, model.metric) if isinstance(model.metric, str) else model.metric
    metric = known.get(model.p, model.metric) if isinstance(known, dict) else known
    free, fixed = ("metric", *_NOT_THE_RESULT), {"metric": metric}
    parsed = parsed_config(step, node, step.settings(node, free=free, fixed=fixed))
    rows = np.asarray(model._fit_X)
    if rows.ndim != 2 or rows.dtype.kind != "f":
        step.refuse("its training rows are no table of numbers")
    kept = np.ascontiguousarray(rows, np.float64)
    params = factor_params(model, kept, cast("LocalOutlierFactorConfig", parsed).metric)
    return read_model(step, node, params, free=free, fixed=fixed)


UNSUPERVISED_MODELS: dict[str, ModelReader] = {
    "Birch": read_birch,
    "GaussianMixture": read_gaussian_mixture,
    "IsolationForest": read_isolation_forest,
    "KMeans": _k_means("kmeans"),
    "LocalOutlierFactor": read_local_outlier_factor,
    "MiniBatchKMeans": _k_means("minibatch_kmeans", free=("compute_labels",)),
}
WITHOUT_A_RULE = {
    name: f"{name} has clusters for the rows that it was fitted on, and no rule for new ones{more}"
    for name, more in {
        "AgglomerativeClustering": "",
        "DBSCAN": "; the node hdbscan, trained here, has one",
        "HDBSCAN": "; the node hdbscan, trained here, has one",
        "OPTICS": "; the node hdbscan, trained here, has one",
        "SpectralClustering": "",
    }.items()
}
"""Why estimators that group rows cannot be read."""
