"""Encoders agree with scikit-learn, pandas and category_encoders on real data."""

import os
import random

import numpy as np
import pandas as pd
import polars as pl
import pytest
from palmerpenguins import load_penguins
from sklearn.feature_extraction import FeatureHasher
from sklearn.preprocessing import LabelEncoder, OneHotEncoder, OrdinalEncoder
from sklearn.utils import murmurhash3_32
from skyulf_core import DataError, NodeRegistry
from skyulf_core.data.frames import normalise, to_polars
from skyulf_core.serving.ops import murmur3_32

PENGUINS = load_penguins()
TEXTS = ["species", "island", "sex"]
FRAME = normalise(to_polars(PENGUINS))


def fitted(node, frame, **config):
    entry = NodeRegistry.get(node)
    return entry.applier, entry.calculator.fit(frame, entry.config_model.model_validate(config))


def run(node, frame, **config):
    applier, params = fitted(node, frame, **config)
    return applier.apply(frame, params)


@pytest.mark.compares("OneHotEncoder", "OrdinalEncoder", "LabelEncoder")
def test_encoders_agree_on_many_categories():
    draw = np.random.default_rng(5)
    codes = draw.integers(0, 200, 1000)
    frame = pl.DataFrame({"code": [f"c{i}" for i in codes], "number": codes * 3, "half": codes / 2})
    columns = ["code", "number", "half"]
    table = frame.to_pandas()

    one_hot = run("OneHotEncoder", frame, columns=columns)
    ordinal = run("OrdinalEncoder", frame, columns=columns)
    labels = run("LabelEncoder", frame, columns=columns)

    np.testing.assert_array_equal(one_hot.to_numpy(), OneHotEncoder(sparse_output=False).fit_transform(table))
    np.testing.assert_array_equal(ordinal.to_numpy(), OrdinalEncoder().fit_transform(table))
    np.testing.assert_array_equal(labels.to_numpy(), OrdinalEncoder().fit_transform(table))


@pytest.mark.compares("LabelEncoder")
@pytest.mark.parametrize("name", [*TEXTS, "year", "bill_length_mm"])
def test_label_encoder_agrees(name):
    found = run("LabelEncoder", FRAME, columns=[name])[name]

    assert found.dtype == pl.Int64
    assert found.to_list() == LabelEncoder().fit_transform(PENGUINS[name]).tolist()


@pytest.mark.compares("LabelEncoder")
def test_label_encoder_refuses_unknown_labels_as_scikit_learn_does():
    applier, params = fitted("LabelEncoder", FRAME, columns=["island"], handle_unknown="error")
    with pytest.raises(ValueError, match="previously unseen labels"):
        LabelEncoder().fit(PENGUINS["island"]).transform(["Atlantis"])

    with pytest.raises(DataError, match="'Atlantis' was not seen"):
        applier.apply(pl.DataFrame({"island": ["Dream", "Atlantis"]}), params)


@pytest.mark.compares("FrequencyEncoder")
@pytest.mark.parametrize("normalize", [True, False])
def test_frequency_encoder_agrees_with_pandas(normalize):
    found = run("FrequencyEncoder", FRAME, columns=[*TEXTS, "year"], normalize=normalize)

    for name in [*TEXTS, "year"]:
        counts = PENGUINS[name].value_counts(normalize=normalize, dropna=False)
        np.testing.assert_allclose(found[name].to_numpy(), PENGUINS[name].map(counts).to_numpy(), rtol=1e-12)


@pytest.mark.compares("DummyEncoder")
@pytest.mark.parametrize("drop_first", [True, False])
@pytest.mark.parametrize("dummy_na", [True, False])
def test_dummy_encoder_agrees_with_get_dummies(drop_first, dummy_na):
    table = PENGUINS.assign(heavy=PENGUINS["body_mass_g"] > 4000)
    frame = normalise(to_polars(table))

    found = run("DummyEncoder", frame, columns=[*TEXTS, "year", "heavy"], drop_first=drop_first, dummy_na=dummy_na)

    wanted = pd.get_dummies(table, columns=[*TEXTS, "year", "heavy"], drop_first=drop_first, dummy_na=dummy_na)
    # pandas makes floats of whole numbers beside a column of missing values
    wanted.columns = [name.removesuffix(".0") for name in wanted.columns]
    assert found.columns == list(wanted.columns)
    for name in wanted.select_dtypes(bool).columns:
        assert found[name].to_list() == wanted[name].tolist(), name


@pytest.mark.compares("HashEncoder")
@pytest.mark.parametrize("alternate_sign", [True, False])
@pytest.mark.parametrize("size", [1, 7, 64, 300])
def test_hash_encoder_agrees(alternate_sign, size):
    columns = [*TEXTS, "year"]
    tokens = [
        [f"{k}={v}" for k, v in row.items() if v is not None] for row in FRAME.select(columns).iter_rows(named=True)
    ]
    hasher = FeatureHasher(size, input_type="string", alternate_sign=alternate_sign)

    found = run("HashEncoder", FRAME.select(columns), columns=columns, n_features=size, alternate_sign=alternate_sign)

    np.testing.assert_array_equal(found.to_numpy(), hasher.transform(tokens).toarray())


@pytest.mark.compares("HashEncoder")
def test_the_hash_agrees_with_murmurhash3():
    draw = random.Random(3)
    for size in [*range(20), 100, 1001]:
        data, seed = os.urandom(size), draw.randrange(2**31)

        assert murmur3_32(data, seed) == murmurhash3_32(data, seed)


@pytest.mark.parametrize(
    "node", ["OneHotEncoder", "DummyEncoder", "OrdinalEncoder", "LabelEncoder", "FrequencyEncoder"]
)
def test_infinite_values_are_refused_as_categories(node):
    frame = pl.DataFrame({"x": [1.0, float("inf")]})

    with pytest.raises(DataError, match="column 'x' holds infinite values"):
        fitted(node, frame, columns=["x"])


@pytest.mark.parametrize("node", ["OneHotEncoder", "DummyEncoder"])
def test_more_columns_than_anybody_can_use_are_refused(node):
    frame = pl.DataFrame({"id": [f"c{i}" for i in range(20_001)]})

    with pytest.raises(DataError, match="column 'id' has 20001 categories"):
        fitted(node, frame)
