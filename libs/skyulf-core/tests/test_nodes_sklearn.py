"""Nodes with a scikit-learn counterpart agree with it, on real data, to 1e-9."""

import numpy as np
import polars as pl
import pytest
from palmerpenguins import load_penguins
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from skyulf_core import NodeRegistry
from skyulf_core.data.frames import normalise, to_polars

PENGUINS = load_penguins()
NUMBERS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g", "year"]
TEXTS = ["species", "island", "sex"]
REAL = {
    "wine": load_wine(as_frame=True).data,
    "diabetes": load_diabetes(as_frame=True).data,
    "breast_cancer": load_breast_cancer(as_frame=True).data,
    "penguins": PENGUINS[NUMBERS],
}


def run(node, data, **config):
    entry = NodeRegistry.get(node)
    parsed = entry.config_model.model_validate(config)
    frame = normalise(to_polars(data))
    return entry.applier.apply(frame, entry.calculator.fit(frame, parsed))


def holes(frame, seed=0):
    draw = np.random.default_rng(seed)
    return frame.astype(float).mask(draw.random(frame.shape) < 0.15)


@pytest.mark.compares("SimpleImputer")
@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("strategy", ["mean", "median", "most_frequent"])
def test_simple_imputer_agrees(name, strategy):
    data = holes(REAL[name])

    found = run("SimpleImputer", data, strategy=strategy).to_numpy()

    np.testing.assert_allclose(found, SimpleImputer(strategy=strategy).fit_transform(data), rtol=1e-9, atol=1e-9)


@pytest.mark.compares("SimpleImputer")
def test_simple_imputer_agrees_on_texts_and_ties():
    texts = PENGUINS[["sex", "island"]].astype(object).where(PENGUINS[["sex", "island"]].notna(), None)
    ties = pl.DataFrame({"x": ["b", "a", "b", "a", None], "n": [3, 1, 3, 1, None]})

    found = run("SimpleImputer", texts, strategy="most_frequent")
    expected = SimpleImputer(strategy="most_frequent", missing_values=None).fit_transform(texts)

    assert found.rows() == [tuple(row) for row in expected]
    assert run("SimpleImputer", ties, strategy="most_frequent").row(4) == ("a", 1)


@pytest.mark.compares("SimpleImputer")
def test_simple_imputer_agrees_on_a_constant():
    data = holes(REAL["wine"])

    found = run("SimpleImputer", data, strategy="constant", fill_value=-7.5).to_numpy()

    np.testing.assert_array_equal(found, SimpleImputer(strategy="constant", fill_value=-7.5).fit_transform(data))


@pytest.mark.compares("StandardScaler")
@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("options", [{}, {"with_mean": False}, {"with_std": False}])
def test_standard_scaler_agrees(name, options):
    data = holes(REAL[name])

    found = run("StandardScaler", data, **options).to_numpy()

    np.testing.assert_allclose(found, StandardScaler(**options).fit_transform(data), rtol=1e-9, atol=1e-9)


@pytest.mark.compares("StandardScaler")
@pytest.mark.parametrize("value", [0.0, 5.0, 1e9 + 0.1, 1e-12, 123456.789])
def test_standard_scaler_agrees_on_columns_that_are_constant_or_nearly(value):
    draw = np.random.default_rng(4)
    columns = [np.full(200, value), value + draw.normal(0, 1e-3, 200), value + draw.normal(0, 1e-9, 200)]
    data = pl.DataFrame({f"c{i}": column for i, column in enumerate(columns)})
    reference = StandardScaler().fit(data.to_numpy())

    entry = NodeRegistry.get("StandardScaler")
    params = entry.calculator.fit(data, entry.config_model())

    np.testing.assert_allclose(params["scales"], reference.scale_, rtol=1e-9)
    np.testing.assert_allclose(params["means"], reference.mean_, rtol=1e-12)


ONE_HOT = [
    {},
    {"drop_first": True},
    {"min_frequency": 130},
    {"min_frequency": 0.3},
    {"max_categories": 2},
    {"max_categories": 3},
    {"max_categories": 1},
    {"max_categories": 2, "drop_first": True},
    {"max_categories": 1, "drop_first": True},
    {"min_frequency": 100, "max_categories": 3, "handle_unknown": "infrequent_if_exist"},
]


@pytest.mark.compares("OneHotEncoder")
@pytest.mark.parametrize("options", ONE_HOT)
def test_one_hot_encoder_agrees(options):
    texts = PENGUINS[["species", "island", "year"]]
    translated = {"drop" if k == "drop_first" else k: "first" if k == "drop_first" else v for k, v in options.items()}
    reference = OneHotEncoder(sparse_output=False, **{"handle_unknown": "ignore", **translated}).fit(texts)

    found = run("OneHotEncoder", texts, columns=list(texts.columns), **options)

    wanted = reference.transform(texts)
    names = [name.replace("infrequent_sklearn", "infrequent") for name in reference.get_feature_names_out()]
    assert found.columns == names
    np.testing.assert_array_equal(found.cast(pl.Float64).to_numpy().reshape(wanted.shape), wanted)


@pytest.mark.compares("OneHotEncoder")
def test_one_hot_encoder_agrees_on_unseen_and_missing_values():
    seen = PENGUINS[["sex"]].astype(object).where(PENGUINS[["sex"]].notna(), None)
    reference = OneHotEncoder(sparse_output=False, handle_unknown="ignore").fit(seen)
    entry = NodeRegistry.get("OneHotEncoder")
    params = entry.calculator.fit(to_polars(seen), entry.config_model(include_missing=True))

    found = entry.applier.apply(pl.DataFrame({"sex": ["male", "unknown", None]}), params)

    assert found.columns == ["sex_female", "sex_male", "sex_missing"]
    wanted = reference.transform(np.array([["male"], ["unknown"], [None]], dtype=object))
    np.testing.assert_array_equal(found.cast(pl.Float64).to_numpy(), wanted)


@pytest.mark.compares("OrdinalEncoder")
def test_ordinal_encoder_agrees():
    texts = PENGUINS[TEXTS].astype(object).where(PENGUINS[TEXTS].notna(), np.nan)
    orders = [["Gentoo", "Adelie"], "island", "sex"]
    reference = OrdinalEncoder(
        categories=[orders[0], ["Biscoe", "Dream", "Torgersen"], ["female", "male", np.nan]],
        handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2,
    ).fit(texts)  # fmt: skip

    found = run("OrdinalEncoder", PENGUINS[TEXTS], categories_order={"species": orders[0]}, missing_value=-2)

    np.testing.assert_array_equal(found.to_numpy(), reference.transform(texts))


@pytest.mark.compares("Winsorize")
def test_winsorize_agrees_with_numpy():
    data = REAL["wine"]

    found = run("Winsorize", data, lower_percentile=3, upper_percentile=90).to_numpy()

    low, high = np.percentile(data, [3, 90], axis=0)
    np.testing.assert_allclose(found, np.clip(data.to_numpy(), low, high), rtol=1e-9)


@pytest.mark.compares("FrequencyEncoder")
def test_frequency_encoder_agrees_with_pandas():
    found = run("FrequencyEncoder", PENGUINS[TEXTS])

    for name in TEXTS:
        shares = PENGUINS[name].value_counts(normalize=True, dropna=False)
        np.testing.assert_allclose(found[name].to_numpy(), PENGUINS[name].map(shares).to_numpy(), rtol=1e-12)


@pytest.mark.compares("TrainTestSplit")
@pytest.mark.parametrize("size", [0.2, 0.33, 50, 3])
@pytest.mark.parametrize("options", [{"stratify": True}, {}, {"shuffle": False}])
@pytest.mark.parametrize("seed", [0, 42])
def test_train_test_split_draws_the_rows_of_scikit_learn(size, options, seed):
    frame = to_polars(PENGUINS)
    entry = NodeRegistry.get("TrainTestSplit")
    config = entry.config_model(target="species", test_size=size, random_state=seed, **options)
    stratify = PENGUINS["species"] if options.get("stratify") else None
    shuffle = options.get("shuffle", True)

    rows = entry.calculator.split(frame, config, task=None)

    expected = train_test_split(
        np.arange(len(PENGUINS)), test_size=size, stratify=stratify, shuffle=shuffle,
        random_state=seed if shuffle else None,
    )  # fmt: skip
    assert rows.train.tolist() == expected[0].tolist()
    assert rows.test.tolist() == expected[1].tolist()


@pytest.mark.compares("TrainTestSplit")
def test_train_test_split_holds_out_validation_rows_too():
    frame = to_polars(PENGUINS)
    entry = NodeRegistry.get("TrainTestSplit")
    config = entry.config_model(target="species", test_size=0.2, validation_size=0.1, stratify=True)

    rows = entry.calculator.split(frame, config, task=None)

    assert (len(rows.train), len(rows.test), len(rows.validation)) == (240, 69, 35)
    everything = np.concatenate([rows.train, rows.test, rows.validation])
    assert sorted(everything.tolist()) == list(range(len(PENGUINS)))
