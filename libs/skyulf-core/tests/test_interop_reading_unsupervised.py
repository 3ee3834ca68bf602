"""from_sklearn: clusterings and detectors of anomalies answer the same here."""

import numpy as np
import pytest
from interop_reading import check_predict, records
from sklearn.cluster import DBSCAN, HDBSCAN, AgglomerativeClustering, Birch, KMeans, MiniBatchKMeans
from sklearn.covariance import EllipticEnvelope
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.ensemble import IsolationForest
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM
from skyulf_core import Pipeline
from skyulf_core.interop import UnsupportedEstimatorError, from_sklearn
from skyulf_core.serving import load_plan

pytestmark = pytest.mark.filterwarnings("ignore")

DATA = {"wine": load_wine, "cancer": load_breast_cancer, "diabetes": load_diabetes}
SEED = {"random_state": 0}
CLUSTERINGS = {
    "k-means": KMeans(4, **SEED),
    "k-means, other ways": KMeans(3, init="random", n_init=2, algorithm="elkan", tol=0.01, max_iter=7, **SEED),
    "k-means by batches": MiniBatchKMeans(4, batch_size=64, **SEED),
    "k-means by batches, other ways": MiniBatchKMeans(3, n_init=2, reassignment_ratio=0.0, max_iter=5, **SEED),
    "tree of clusters": Birch(n_clusters=3, threshold=1.5),
    "small clusters": Birch(n_clusters=None, threshold=2.5, branching_factor=9, compute_labels=False),
    "normal distributions": GaussianMixture(3, **SEED),
    "one covariance": GaussianMixture(3, covariance_type="tied", init_params="k-means++", **SEED),
    "covariances of axes": GaussianMixture(4, covariance_type="diag", n_init=2, reg_covar=1e-4, **SEED),
    "one variance each": GaussianMixture(2, covariance_type="spherical", tol=1e-4, max_iter=50, **SEED),
}
DETECTORS = {
    "isolation": IsolationForest(n_estimators=20, **SEED),
    "isolation, other ways": IsolationForest(
        n_estimators=9, max_samples=0.4, max_features=0.5, contamination=0.1, bootstrap=True
    ),
    "density": LocalOutlierFactor(novelty=True),
    "density, other ways": LocalOutlierFactor(
        9, metric="manhattan", contamination=0.1, novelty=True, algorithm="brute"
    ),
    "density by power": LocalOutlierFactor(9, p=1, novelty=True),
    "density of many": LocalOutlierFactor(900, novelty=True),
}


@pytest.mark.parametrize("dataset", DATA)
@pytest.mark.parametrize("name", CLUSTERINGS)
def test_clusters_are_scikit_learns(name, dataset, tmp_path):
    data, _ = DATA[dataset](return_X_y=True, as_frame=True)
    fitted = make_pipeline(StandardScaler(), CLUSTERINGS[name]).fit(data)

    pipeline = check_predict(fitted, data, tmp_path / "bundle", data * 1.1)

    assert (pipeline.fitted.task, pipeline.fitted.target) == ("clustering", None)


@pytest.mark.parametrize("dataset", DATA)
@pytest.mark.parametrize("name", DETECTORS)
def test_anomalies_and_decisions_are_scikit_learns(name, dataset, tmp_path):
    data, _ = DATA[dataset](return_X_y=True, as_frame=True)
    fitted = make_pipeline(StandardScaler(), DETECTORS[name]).fit(data)
    others = data * 1.1

    pipeline = check_predict(fitted, data, tmp_path / "bundle", others)

    decisions = fitted.decision_function(others)
    loaded = Pipeline.load(tmp_path / "bundle")
    np.testing.assert_allclose(pipeline.decision_function(others), decisions, rtol=0, atol=1e-9)
    np.testing.assert_allclose(loaded.decision_function(others), decisions, rtol=0, atol=1e-9)
    served = load_plan(tmp_path / "bundle").predict_rows(records(others)).scores
    np.testing.assert_allclose(served, decisions, rtol=0, atol=1e-9)


def test_what_is_read_can_be_trained_again():
    data, _ = load_wine(return_X_y=True, as_frame=True)
    fitted = make_pipeline(StandardScaler(), KMeans(3, **SEED)).fit(data)

    pipeline = from_sklearn(fitted, data)
    again = Pipeline.from_config(pipeline.config).fit(data)

    assert again.predict(data).tolist() == fitted.predict(data).tolist()


def test_steps_that_learn_from_a_target_are_refused_before_a_clustering():
    data, target = load_wine(return_X_y=True, as_frame=True)
    fitted = make_pipeline(StandardScaler(), SelectKBest(f_classif, k=4), KMeans(3, **SEED)).fit(data, target)

    with pytest.raises(UnsupportedEstimatorError, match="UnivariateSelection learns from the target, and kmeans is a"):
        from_sklearn(fitted, data)


def test_neighbours_at_the_same_distance_are_told_rather_than_answered_otherwise():
    data, _ = load_breast_cancer(return_X_y=True, as_frame=True)
    fitted = make_pipeline(StandardScaler(), LocalOutlierFactor(9, metric="chebyshev", novelty=True)).fit(data)

    with pytest.raises(UnsupportedEstimatorError, match=r"1 of 569 differ.*LocalOutlierFactor take any of equal"):
        from_sklearn(fitted, data)


def test_gaps_reach_an_isolation_forest(tmp_path):
    data, _ = load_diabetes(return_X_y=True, as_frame=True)
    gaps = data.mask(np.random.default_rng(0).random(data.shape) < 0.1)
    fitted = IsolationForest(n_estimators=9, **SEED).fit(gaps)

    pipeline = check_predict(fitted, gaps, tmp_path / "bundle")

    np.testing.assert_allclose(pipeline.decision_function(gaps), fitted.decision_function(gaps), rtol=0, atol=1e-9)


REFUSED = {
    "clusters of known rows": (
        DBSCAN(eps=3.0),
        r"DBSCAN has clusters for the rows .* no rule for new ones; the node hdb",
    ),
    "dense clusters": (HDBSCAN(), "HDBSCAN has clusters for the rows that it was fitted on, and no rule for new ones"),
    "hierarchy": (AgglomerativeClustering(), "no rule for new ones"),
    "density of known rows": (LocalOutlierFactor(), "with novelty=False it has no rule for new rows"),
    "own start": (KMeans(2, init=np.ones((2, 13)) * [[1], [2]]), "init is not a name"),
    "model behind a tree": (Birch(n_clusters=KMeans(2), threshold=2.0), "does not take n_clusters KMeans"),
    "known means": (GaussianMixture(1, means_init=np.zeros((1, 13))), "its parameter means_init is"),
    "other distance": (LocalOutlierFactor(metric="cosine", novelty=True), "does not take metric 'cosine'"),
    "other power": (LocalOutlierFactor(p=3, novelty=True), "does not take metric 'minkowski'"),
    "one class": (OneClassSVM(), r"\(OneClassSVM\) cannot be read: there is no such model"),
    "ellipse": (EllipticEnvelope(), r"\(EllipticEnvelope\) cannot be read: there is no such model"),
    "endless mixture": (BayesianGaussianMixture(), r"\(BayesianGaussianMixture\) cannot be read: there is no such"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_says_why(name):
    model, why = REFUSED[name]
    data, _ = load_wine(return_X_y=True, as_frame=True)
    fitted = make_pipeline(StandardScaler(), model).fit(data)

    with pytest.raises(UnsupportedEstimatorError, match=why):
        from_sklearn(fitted, data)
