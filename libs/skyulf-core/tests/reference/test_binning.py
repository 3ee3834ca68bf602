"""Binning agrees with scikit-learn and pandas on real data, also for numbers on an edge."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from palmerpenguins import load_penguins
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.preprocessing import KBinsDiscretizer
from skyulf_core import DataError, NodeRegistry
from skyulf_core.data.frames import normalise, to_polars
from skyulf_core.serving.ops import Bins
from threadpoolctl import threadpool_limits

PENGUINS = load_penguins()[["bill_length_mm", "body_mass_g", "year"]].dropna()
REAL = {
    "wine": load_wine(as_frame=True).data,
    "diabetes": load_diabetes(as_frame=True).data,
    "breast_cancer": load_breast_cancer(as_frame=True).data,
    "penguins": PENGUINS,
}


def fitted(node, frame, **config):
    entry = NodeRegistry.get(node)
    return entry.applier, entry.calculator.fit(frame, entry.config_model.model_validate(config))


def run(node, data, **config):
    frame = normalise(to_polars(data))
    applier, params = fitted(node, frame, **config)
    return applier.apply(frame, params)


def discretizer(**options):
    return KBinsDiscretizer(**{"subsample": None, "encode": "ordinal", **options})


@pytest.mark.compares("KBinsDiscretizer")
@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize(
    "options",
    [{}, {"n_bins": 11}, {"strategy": "uniform", "n_bins": 7}, {"quantile_method": "linear", "n_bins": 100}],
)
def test_k_bins_discretizer_agrees(name, options):
    data = REAL[name].astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # bins that are too narrow
        wanted = discretizer(**options).fit(data)

    found = run("KBinsDiscretizer", data, **options)

    np.testing.assert_array_equal(found.to_numpy(), wanted.transform(data))


@pytest.mark.compares("KBinsDiscretizer")
@pytest.mark.parametrize("count", [2, 3, 5, 10, 99, 100, 101, 300, 301])
@pytest.mark.parametrize("n_bins", [3, 5, 7, 10])
def test_quantiles_are_those_of_numpy_to_the_last_bit(count, n_bins):
    data = pd.DataFrame({"x": np.random.default_rng(count).normal(size=count) * 1e3})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = discretizer(n_bins=n_bins).fit(data).bin_edges_[0]

    _, params = fitted("KBinsDiscretizer", pl.from_pandas(data), n_bins=n_bins)

    assert params["bins"][0]["cuts"] == wanted[1:-1].tolist()


@pytest.mark.compares("KBinsDiscretizer", "GeneralBinning")
@pytest.mark.parametrize("name", ["penguins", "diabetes"])
def test_bins_around_means_agree(name):
    data = REAL[name].iloc[:, :3].astype(float)
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")
        reference = discretizer(n_bins=4, strategy="kmeans").fit(data)
    wanted = reference.transform(data)

    np.testing.assert_array_equal(run("KBinsDiscretizer", data, n_bins=4, strategy="kmeans").to_numpy(), wanted)
    _, params = fitted("GeneralBinning", pl.from_pandas(data), n_bins=4, strategy="kmeans")
    for bins, edges in zip(params["bins"], reference.bin_edges_, strict=True):
        np.testing.assert_allclose(bins["cuts"], edges[1:-1], rtol=1e-9)


@pytest.mark.compares("KBinsDiscretizer")
def test_k_bins_discretizer_agrees_on_columns_for_bins_and_on_new_rows():
    data = REAL["wine"].astype(float)
    reference = discretizer(n_bins=4, encode="onehot-dense").fit(data)
    new = data * 1.3 - 2.0

    applier, params = fitted("KBinsDiscretizer", pl.from_pandas(data), n_bins=4, encode="onehot")
    found = applier.apply(pl.from_pandas(new), params)

    np.testing.assert_array_equal(found.to_numpy(), reference.transform(new))
    assert found.columns == [name.removesuffix(".0") for name in reference.get_feature_names_out()]


@pytest.mark.compares("KBinsDiscretizer")
def test_k_bins_discretizer_agrees_on_constant_columns_and_ties():
    data = pd.DataFrame({"same": [5.0] * 40, "ties": [0.0] * 30 + [1.0] * 5 + [2.0] * 5})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = discretizer().fit_transform(data)

    np.testing.assert_array_equal(run("KBinsDiscretizer", data).to_numpy(), wanted)


@pytest.mark.compares("GeneralBinning")
@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("n_bins", [2, 5, 80])
def test_general_binning_agrees_with_cut_and_qcut(name, n_bins):
    data = REAL[name].astype(float)

    width = run("GeneralBinning", data, n_bins=n_bins)
    frequency = run("GeneralBinning", data, n_bins=n_bins, strategy="equal_frequency")

    for column in data:
        wide = pd.cut(data[column], n_bins, labels=False)
        frequent = pd.qcut(data[column], n_bins, labels=False, duplicates="drop")
        assert width[column].to_list() == wide.tolist(), column
        assert frequency[column].to_list() == frequent.tolist(), column


@pytest.mark.compares("GeneralBinning")
def test_general_binning_labels_as_told():
    frame = pl.DataFrame({"x": [0.0, 1.0, 2.0, 3.0, 4.0], "y": [1.0, 5.0, None, 9.0, 9.5]})
    config = {
        "n_bins": 2, "labels": "custom", "custom_labels": ["low", "high"], "missing_label": "none",
        "out_of_range": "null",
        "overrides": {"y": {"strategy": "custom", "edges": [0, 2, 6, 9], "custom_labels": ["a", "b", "c"]}},
    }  # fmt: skip

    applier, params = fitted("GeneralBinning", frame, **config)

    assert applier.apply(frame, params).to_dict(as_series=False) == {
        "x": ["low", "low", "low", "high", "high"], "y": ["a", "b", "none", "c", None],
    }  # fmt: skip
    outside = applier.apply(pl.DataFrame({"x": [-0.1, 4.0, 4.1], "y": [0.0, None, 9.1]}), params)
    assert outside.to_dict(as_series=False) == {"x": [None, "high", None], "y": ["a", "none", None]}


def test_labels_that_are_more_than_bins_are_refused():
    frame = pl.DataFrame({"x": [1.0, 1.0, 1.0, 1.0, 2.0]})
    config = {"strategy": "equal_frequency", "n_bins": 3, "labels": "custom", "custom_labels": ["a", "b", "c"]}

    with pytest.raises(DataError, match="has 1 different bins in the training rows, and 3 labels"):
        fitted("GeneralBinning", frame, **config)


@pytest.mark.compares("CustomBinning")
@pytest.mark.parametrize("right", [True, False])
@pytest.mark.parametrize("lowest", [True, False])
def test_custom_binning_agrees_with_cut(right, lowest):
    edges = [3000.0, 3500.0, 4000.5, 5000.0]
    table = load_penguins()[["body_mass_g"]]
    config = {"edges": {"body_mass_g": edges}, "right": right, "include_lowest": lowest}
    names = ["light", "middle", "heavy"]

    codes = run("CustomBinning", table, **config)["body_mass_g"].to_list()
    texts = run("CustomBinning", table, **config, labels={"body_mass_g": names})["body_mass_g"].to_list()

    wanted = pd.cut(table["body_mass_g"], edges, right=right, include_lowest=lowest, labels=False)
    assert codes == [None if np.isnan(code) else int(code) for code in wanted]
    assert texts == [None if code is None else names[code] for code in codes]


def test_many_and_few_cuts_find_the_same_bins():
    values = pl.Series("x", [-0.0, 0.0, 1.0, 1.5, 63.0, 64.0, 1e300, -1e300, None])
    cuts = tuple(float(i) for i in range(120))
    for closed, right in (("left", False), ("right", True)):
        for count in (3, 63, 64, 120):
            edges = [-1.0, *cuts[:count], 500.0]
            applier, params = fitted(
                "CustomBinning", values.to_frame(), edges={"x": edges}, right=right, out_of_range="clip"
            )
            op = Bins(("x",), (cuts[:count],), (tuple(range(count + 1)),), (None,), (None,), (None,), closed)
            rows = [{"x": value} for value in values]
            for row in rows:
                op.row(row)

            assert applier.apply(values.to_frame(), params)["x"].to_list() == [row["x"] for row in rows]
