"""The scalers agree with scikit-learn on real data."""

import numpy as np
import polars as pl
import pytest
from palmerpenguins import load_penguins
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, QuantileTransformer, RobustScaler, StandardScaler
from skyulf_core import NodeRegistry
from skyulf_core.data.frames import normalise, to_polars

NUMBERS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g", "year"]
REAL = {
    "wine": load_wine(as_frame=True).data,
    "diabetes": load_diabetes(as_frame=True).data,
    "breast_cancer": load_breast_cancer(as_frame=True).data,
    "penguins": load_penguins()[NUMBERS],
}


def run(node, data, new=None, **config):
    entry = NodeRegistry.get(node)
    parsed = entry.config_model.model_validate(config)
    frame = normalise(to_polars(data))
    params = entry.calculator.fit(frame, parsed)
    return entry.applier.apply(frame if new is None else normalise(to_polars(new)), params).to_numpy()


def holes(frame, seed=0):
    draw = np.random.default_rng(seed)
    return frame.astype(float).mask(draw.random(frame.shape) < 0.15)


def compare(node, reference, data, **config):
    train, new = holes(data), holes(data * 1.3 + 0.5, seed=1)

    found = run(node, train, new, **config)

    np.testing.assert_allclose(found, reference.fit(train).transform(new), rtol=1e-9, atol=1e-9)


@pytest.mark.compares("StandardScaler")
@pytest.mark.parametrize("name", REAL)
def test_standard_scaler_agrees(name):
    compare("StandardScaler", StandardScaler(), REAL[name])


@pytest.mark.compares("MinMaxScaler")
@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("options", [{}, {"feature_range": (-1, 1)}, {"feature_range": (2, 7.5), "clip": True}])
def test_min_max_scaler_agrees(name, options):
    compare("MinMaxScaler", MinMaxScaler(**options), REAL[name], **options)


@pytest.mark.compares("MaxAbsScaler")
@pytest.mark.parametrize("name", REAL)
def test_max_abs_scaler_agrees(name):
    compare("MaxAbsScaler", MaxAbsScaler(), REAL[name])


@pytest.mark.compares("RobustScaler")
@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"quantile_range": (5.0, 95.0), "unit_variance": True},
        {"with_centering": False, "quantile_range": (0.0, 100.0)},
        {"with_scaling": False},
    ],
)
def test_robust_scaler_agrees(name, options):
    compare("RobustScaler", RobustScaler(**options), REAL[name], **options)


@pytest.mark.compares("MinMaxScaler", "MaxAbsScaler", "RobustScaler")
@pytest.mark.parametrize("reference", [MinMaxScaler(), MaxAbsScaler(), RobustScaler()])
@pytest.mark.parametrize("value", [0.0, 5.0, -3.0, 1e-17])
def test_constant_columns_agree(reference, value):
    train = pl.DataFrame({"x": np.full(50, value)})
    new = pl.DataFrame({"x": [value, value + 1.0, -7.0]})

    found = run(type(reference).__name__, train, new)

    np.testing.assert_allclose(found, reference.fit(train.to_numpy()).transform(new.to_numpy()), rtol=1e-9)


@pytest.mark.compares("QuantileTransformer")
@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("distribution", ["uniform", "normal"])
@pytest.mark.parametrize("n_quantiles", [1000, 10])
def test_quantile_transformer_agrees(name, distribution, n_quantiles):
    options = {"output_distribution": distribution, "n_quantiles": n_quantiles}

    compare("QuantileTransformer", QuantileTransformer(**{**options, "n_quantiles": min(n_quantiles, len(REAL[name]))}),
            REAL[name], **options)  # fmt: skip


@pytest.mark.compares("QuantileTransformer")
def test_quantile_transformer_agrees_at_the_ends_and_on_repeated_values():
    draw = np.random.default_rng(0)
    train = draw.integers(0, 6, (500, 3)).astype(float)
    new = np.concatenate([train[:20], train[:20] + 1e-8, train[:20] - 1e-8, train[:20] + 0.25, [[-1e9, 1e9, 1e300]]])
    for distribution in ("uniform", "normal"):
        reference = QuantileTransformer(n_quantiles=500, output_distribution=distribution).fit(train)

        found = run("QuantileTransformer", pl.DataFrame(train), pl.DataFrame(new), output_distribution=distribution)

        np.testing.assert_allclose(found, reference.transform(new), rtol=1e-9, atol=1e-9)


@pytest.mark.compares("QuantileTransformer")
def test_quantile_transformer_draws_the_sample_of_scikit_learn_from_sorted_rows():
    train = np.random.default_rng(3).normal(size=(400, 2))
    ordered = train[np.lexsort(train.T[::-1])]
    reference = QuantileTransformer(n_quantiles=50, subsample=100, random_state=7).fit(ordered)

    found = run("QuantileTransformer", pl.DataFrame(train), n_quantiles=50, subsample=100, random_state=7)

    np.testing.assert_allclose(found, reference.transform(train), rtol=1e-9)
