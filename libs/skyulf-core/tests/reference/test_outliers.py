"""Outlier nodes agree with feature_engine, scipy, pandas and scikit-learn on real data."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from feature_engine.outliers import OutlierTrimmer, Winsorizer
from palmerpenguins import load_penguins
from scipy.stats import zscore
from sklearn.covariance import EllipticEnvelope
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.ensemble import IsolationForest
from skyulf_core import DataError, NodeRegistry
from skyulf_core.data.frames import normalise, to_polars
from skyulf_core.nodes.outliers.elliptic_envelope import distances
from skyulf_core.nodes.outliers.isolation_forest_filter import _trees, score

PENGUINS = load_penguins()
NUMBERS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g", "year"]
WHOLE = {
    "wine": load_wine(as_frame=True).data,
    "diabetes": load_diabetes(as_frame=True).data,
    "breast_cancer": load_breast_cancer(as_frame=True).data,
}
NAMES = [*WHOLE]


def fitted(node, table, **config):
    entry = NodeRegistry.get(node)
    frame = normalise(to_polars(table))
    return frame, entry.applier, entry.calculator.fit(frame, entry.config_model.model_validate(config))


def kept(node, table, **config):
    """Return the positions of the rows that stay."""
    frame, applier, params = fitted(node, table, **config)
    return applier.rows(frame, params).tolist()


def holes(table, share=0.15):
    return table.astype(float).mask(np.random.default_rng(0).random(table.shape) < share)


@pytest.mark.compares("IQR")
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("multiplier", [1.5, 3.0])
def test_iqr_agrees_with_feature_engine(name, multiplier):
    table = WHOLE[name]
    trimmer = OutlierTrimmer(capping_method="iqr", tail="both", fold=multiplier, missing_values="raise").fit(table)

    frame, applier, params = fitted("IQR", table, multiplier=multiplier)

    np.testing.assert_allclose(params["lower"], [trimmer.left_tail_caps_[c] for c in table], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(params["upper"], [trimmer.right_tail_caps_[c] for c in table], rtol=1e-9, atol=1e-12)
    assert applier.rows(frame, params).tolist() == trimmer.transform(table).index.tolist()


@pytest.mark.compares("IQR", "ZScore")
def test_a_missing_value_is_no_outlier():
    table = PENGUINS[NUMBERS]
    low, high = table.quantile(0.25), table.quantile(0.75)
    inside = (table.ge(low - (high - low) * 0.5) & table.le(high + (high - low) * 0.5)) | table.isna()
    near = (np.abs(zscore(table, nan_policy="omit")) <= 1.7) | table.isna()

    assert kept("IQR", table, multiplier=0.5) == np.flatnonzero(inside.all(axis=1)).tolist()
    assert kept("ZScore", table, threshold=1.7) == np.flatnonzero(near.all(axis=1)).tolist()
    assert table.iloc[kept("IQR", table, multiplier=0.5)].isna().any(axis=None)


@pytest.mark.compares("ZScore")
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("threshold", [1.5, 3.0])
def test_z_score_agrees_with_scipy(name, threshold):
    table = WHOLE[name].assign(same=0.1)
    with np.errstate(invalid="ignore"):
        scores = np.abs(zscore(WHOLE[name].to_numpy()))

    assert kept("ZScore", table, threshold=threshold) == np.flatnonzero((scores <= threshold).all(axis=1)).tolist()


@pytest.mark.compares("IQR", "Winsorize")
@pytest.mark.parametrize("node", ["IQR", "ZScore", "Winsorize"])
def test_lazy_rows_teach_the_same(node):
    entry = NodeRegistry.get(node)
    frame, config = normalise(to_polars(holes(WHOLE["wine"]))), entry.config_model()

    assert entry.calculator.learn(frame.lazy(), config) == entry.calculator.fit(frame, config)


@pytest.mark.compares("ManualBounds")
def test_manual_bounds_agree_with_pandas():
    bounds = {"body_mass_g": {"lower": 3000, "upper": 4725}, "bill_depth_mm": {"upper": 19.2}}
    mass, depth = PENGUINS["body_mass_g"], PENGUINS["bill_depth_mm"]
    inside = (mass.between(3000, 4725) | mass.isna()) & (depth.between(-np.inf, 19.2) | depth.isna())

    assert kept("ManualBounds", PENGUINS, bounds=bounds) == np.flatnonzero(inside).tolist()
    assert kept("ManualBounds", PENGUINS, bounds={}) == list(range(len(PENGUINS)))


@pytest.mark.compares("Winsorize")
@pytest.mark.parametrize("name", NAMES)
def test_winsorize_agrees_with_feature_engine(name):
    table = WHOLE[name]
    wanted = Winsorizer(capping_method="quantiles", tail="both", fold=0.1).fit_transform(table)

    frame, applier, params = fitted("Winsorize", table, lower_percentile=10, upper_percentile=90)

    np.testing.assert_allclose(applier.apply(frame, params).to_numpy(), wanted.to_numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.compares("ClipValues")
def test_clip_values_agrees_with_pandas():
    table = holes(WHOLE["diabetes"])
    lower, upper = -0.05, 0.02
    wanted = table.clip(lower, upper).assign(age=table["age"].clip(upper=0.0))
    whole = PENGUINS[["year"]].clip(2008, 2008)

    frame, applier, params = fitted("ClipValues", table, lower=lower, upper=upper, bounds={"age": {"upper": 0}})
    years, clip, bounds = fitted("ClipValues", PENGUINS, columns=["year"], lower=2008, upper=2008)

    np.testing.assert_array_equal(applier.apply(frame, params).to_numpy(), wanted.to_numpy())
    assert clip.apply(years, bounds)["year"].to_list() == whole["year"].tolist()
    assert clip.apply(years, bounds).schema["year"] == pl.Int64


def ordered(table):
    """Return the complete rows in the order in which the nodes hand them to scikit-learn."""
    rows = table.dropna().to_numpy()
    return rows[np.lexsort(rows.T[::-1])]


@pytest.mark.compares("EllipticEnvelope")
@pytest.mark.parametrize(
    ("name", "columns", "support"),
    [("wine", 4, None), ("diabetes", 6, 0.8), ("diabetes", 2, 0.95)],
)
def test_elliptic_envelope_agrees_with_scikit_learn(name, columns, support):
    table = holes(WHOLE[name].iloc[:, :columns], 0.03)
    model = EllipticEnvelope(contamination=0.12, support_fraction=support, random_state=3).fit(ordered(table))
    complete = np.flatnonzero(table.notna().all(axis=1))
    outliers = complete[model.predict(table.iloc[complete].to_numpy()) < 0]

    frame, applier, params = fitted(
        "EllipticEnvelope", table, contamination=0.12, support_fraction=support, random_state=3
    )

    np.testing.assert_allclose(params["location"], model.location_, rtol=1e-9)
    np.testing.assert_allclose(params["threshold"], -model.offset_, rtol=1e-9)
    found = distances(ordered(table), params["location"], params["precision"])
    np.testing.assert_allclose(found, model.mahalanobis(ordered(table)), rtol=1e-9)
    assert set(range(len(table))) - set(applier.rows(frame, params).tolist()) == set(outliers.tolist())


@pytest.mark.compares("EllipticEnvelope")
def test_elliptic_envelope_has_a_rule_for_odd_columns():
    table = PENGUINS[NUMBERS].dropna()
    twice = table.assign(again=table["year"] * 2, same=7)

    frame, applier, params = fitted("EllipticEnvelope", twice)

    assert "same" not in params["columns"]
    assert 0.85 <= applier.apply(frame, params).height / frame.height <= 0.95
    with pytest.raises(DataError) as caught:
        fitted("EllipticEnvelope", pd.DataFrame({"same": [1.0] * 30}))
    assert caught.value.reason == "constant-columns"
    with pytest.raises(DataError, match="infinite"):
        fitted("EllipticEnvelope", pd.DataFrame({"x": [1.0, 2.0, np.inf] * 10}))


@pytest.mark.compares("EllipticEnvelope")
def test_elliptic_envelope_learns_from_part_of_very_many_rows(monkeypatch):
    table = WHOLE["diabetes"][["bmi", "bp"]]
    whole = fitted("EllipticEnvelope", table)[2]
    monkeypatch.setattr("skyulf_core.nodes.outliers.elliptic_envelope._MOST_ROWS", 300)

    frame, applier, params = fitted("EllipticEnvelope", table)

    np.testing.assert_allclose(params["location"], whole["location"], atol=0.01)
    assert not np.array_equal(params["location"], whole["location"])
    assert applier.apply(frame, params).height == int(0.9 * frame.height)


@pytest.mark.compares("IsolationForestFilter")
@pytest.mark.parametrize("name", ["wine", "breast_cancer"])
@pytest.mark.parametrize("contamination", ["auto", 0.07])
def test_isolation_forest_filter_agrees_with_scikit_learn(name, contamination):
    table = holes(WHOLE[name].iloc[:, :6], 0.02)
    model = IsolationForest(n_estimators=25, contamination=contamination, random_state=5).fit(ordered(table))
    complete = np.flatnonzero(table.notna().all(axis=1))
    rows = table.iloc[complete].to_numpy()

    frame, applier, params = fitted(
        "IsolationForestFilter", table, n_estimators=25, contamination=contamination, random_state=5
    )

    np.testing.assert_allclose(
        score(_trees(params), rows, params["expected_depth"]), model.score_samples(rows), rtol=1e-9
    )
    np.testing.assert_allclose(params["lowest_score"], model.offset_, rtol=1e-9)
    outliers = set(complete[model.predict(rows) < 0].tolist())
    assert outliers
    assert set(range(len(table))) - set(applier.rows(frame, params).tolist()) == outliers


@pytest.mark.parametrize("node", ["IQR", "ZScore", "Winsorize", "IsolationForestFilter"])
def test_infinite_values_that_leave_no_bound_are_refused_by_name(node):
    table = pd.DataFrame({"fine": np.arange(9.0), "endless": [1.0, 2.0] + [np.inf] * 7})

    with pytest.raises(DataError) as caught:
        fitted(node, table)

    assert (caught.value.reason, caught.value.column) == ("not-finite", "endless")
