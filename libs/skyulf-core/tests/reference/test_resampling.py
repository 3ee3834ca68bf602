"""The resampling nodes make the rows that imbalanced-learn makes, on real data."""

import sys

import numpy as np
import polars as pl
import pytest
from imblearn.combine import SMOTETomek
from imblearn.over_sampling import ADASYN, SMOTE, SVMSMOTE, BorderlineSMOTE, KMeansSMOTE, RandomOverSampler
from imblearn.under_sampling import EditedNearestNeighbours, NearMiss, RandomUnderSampler, TomekLinks
from palmerpenguins import load_penguins
from sklearn.datasets import load_breast_cancer, load_wine
from skyulf_core import DataError, NodeRegistry, Pipeline, Schema, validate_config

NUMBERS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g", "year"]
PENGUINS = load_penguins().dropna().reset_index(drop=True)
DATA = {
    "penguins": (PENGUINS[NUMBERS].astype(float), PENGUINS["species"].astype(str)),
    "cancer": (load_breast_cancer(as_frame=True).data, load_breast_cancer(as_frame=True).target),
    "wine": (load_wine(as_frame=True).data, load_wine(as_frame=True).target),
}
OVER = {
    "smote": SMOTE(random_state=42),
    "random": RandomOverSampler(random_state=42),
    "adasyn": ADASYN(random_state=42),
    "borderline": BorderlineSMOTE(random_state=42),
    "svm": SVMSMOTE(random_state=42),
    "smote_tomek": SMOTETomek(random_state=42),
}
UNDER = {
    "random": RandomUnderSampler(random_state=42),
    "nearmiss": NearMiss(),
    "tomek": TomekLinks(),
    "enn": EditedNearestNeighbours(),
}


def resample(node, features, target, **config):
    entry = NodeRegistry.get(node)
    frame = pl.DataFrame({name: pl.Series(features[name].to_numpy()) for name in features.columns})
    labels = pl.Series("target", target.tolist())
    return entry.calculator.resample(frame, labels, entry.config_model.model_validate(config))


def agree(found, sampler, features, target):
    rows, labels = found
    wanted, classes = sampler.fit_resample(features.to_numpy(), target.to_numpy())
    np.testing.assert_array_equal(rows.to_numpy(), wanted)
    assert labels.to_list() == classes.tolist()


@pytest.mark.compares("Oversampling")
@pytest.mark.parametrize("strategy", OVER)
@pytest.mark.parametrize("name", DATA)
def test_oversampling_agrees(name, strategy):
    agree(resample("Oversampling", *DATA[name], strategy=strategy), OVER[strategy], *DATA[name])


@pytest.mark.compares("Oversampling")
def test_oversampling_by_clusters_agrees():
    sampler = KMeansSMOTE(random_state=3, cluster_balance_threshold=0.1, k_neighbors=4)

    found = resample(
        "Oversampling", *DATA["cancer"], strategy="kmeans", random_state=3, cluster_balance_threshold=0.1, k_neighbors=4
    )

    agree(found, sampler, *DATA["cancer"])


@pytest.mark.compares("Oversampling")
@pytest.mark.parametrize("balance", [0.9, "minority", "not majority", "all"])
def test_oversampling_agrees_on_what_is_balanced(balance):
    sampler = SMOTE(sampling_strategy=balance, k_neighbors=3, random_state=5)

    found = resample("Oversampling", *DATA["cancer"], sampling_strategy=balance, k_neighbors=3, random_state=5)

    agree(found, sampler, *DATA["cancer"])


@pytest.mark.compares("Undersampling")
@pytest.mark.parametrize("strategy", UNDER)
@pytest.mark.parametrize("name", DATA)
def test_undersampling_agrees(name, strategy):
    agree(resample("Undersampling", *DATA[name], strategy=strategy), UNDER[strategy], *DATA[name])


@pytest.mark.compares("Undersampling")
@pytest.mark.parametrize(
    ("sampler", "config"),
    [
        (RandomUnderSampler(sampling_strategy=0.8, replacement=True, random_state=1),
         {"sampling_strategy": 0.8, "replacement": True, "random_state": 1}),
        (NearMiss(version=3, n_neighbors=4), {"strategy": "nearmiss", "version": 3, "n_neighbors": 4}),
        (NearMiss(version=2, sampling_strategy="majority"),
         {"strategy": "nearmiss", "version": 2, "sampling_strategy": "majority"}),
        (TomekLinks(sampling_strategy="all"), {"strategy": "tomek", "sampling_strategy": "all"}),
        (EditedNearestNeighbours(n_neighbors=5, kind_sel="mode"),
         {"strategy": "enn", "n_neighbors": 5, "kind_sel": "mode"}),
    ],
)  # fmt: skip
def test_undersampling_agrees_with_its_options(sampler, config):
    agree(resample("Undersampling", *DATA["cancer"], **config), sampler, *DATA["cancer"])


@pytest.mark.parametrize("strategy", ["smote", "smote_tomek"])
def test_new_rows_have_the_types_of_the_old_ones_and_old_ones_keep_every_digit(strategy):
    big = 2**60 + 1
    features = PENGUINS[["flipper_length_mm", "year"]].assign(
        heavy=PENGUINS["body_mass_g"] > 4000, code=np.where(PENGUINS.index % 2, big, 7), weight=PENGUINS["body_mass_g"]
    )
    features["year"] = features["year"].astype("int16")
    rows, labels = resample("Oversampling", features, PENGUINS["species"].astype(str), strategy=strategy)

    assert rows.dtypes[1:4] == [pl.Int16, pl.Boolean, pl.Int64]
    assert len(rows) == len(labels)
    assert rows["code"][:20].is_in([big, 7]).all()
    assert set(rows["year"].unique()) == {2007, 2008, 2009}


def test_random_takes_any_columns_and_the_others_name_what_they_cannot_compare():
    target = PENGUINS["species"].astype(str)
    features = PENGUINS[["year"]].assign(sex=PENGUINS["sex"].astype(object))
    gaps = PENGUINS[["body_mass_g"]].mask(PENGUINS.index.to_numpy()[:, None] % 9 == 4)

    assert resample("Oversampling", features, target, strategy="random")[0]["sex"].n_unique() == 2
    for node, strategy in [("Oversampling", "smote"), ("Undersampling", "tomek")]:
        with pytest.raises(DataError, match="column 'sex' is string"):
            resample(node, features, target, strategy=strategy)
        with pytest.raises(DataError, match="column 'body_mass_g' holds infinite values"):
            resample(node, PENGUINS[["body_mass_g"]] / 0.0, target, strategy=strategy)
        frame = pl.DataFrame({"body_mass_g": pl.Series(gaps["body_mass_g"].to_numpy(), nan_to_null=True)})
        entry = NodeRegistry.get(node)
        with pytest.raises(DataError, match="column 'body_mass_g' is missing"):
            entry.calculator.resample(frame, pl.Series("y", target.tolist()), entry.config_model(strategy=strategy))


@pytest.mark.parametrize("target", ["bill_length_mm", "body_mass_g"])  # with fractions, and whole numbers
@pytest.mark.parametrize("node", ["Oversampling", "Undersampling"])
def test_a_target_of_a_regression_is_refused(node, target):
    with pytest.raises(DataError, match="numbers of a regression"):
        resample(node, PENGUINS[["year"]], PENGUINS[target], strategy="random")


def test_too_few_neighbours_and_a_missing_package_are_said(monkeypatch):
    features, target = DATA["wine"]
    with pytest.raises(DataError, match="smote cannot learn from these rows: a class has fewer rows than neighbours"):
        resample("Oversampling", features.iloc[126:132], target.iloc[126:132])
    monkeypatch.setitem(sys.modules, "imblearn.over_sampling", None)
    with pytest.raises(DataError, match=r"pip install 'skyulf-core\[imbalanced\]'"):
        resample("Oversampling", features, target)


def test_text_columns_are_found_without_data():
    config = {
        "steps": [
            {"node": "TrainTestSplit", "config": {"target": "species"}},
            {"node": "Oversampling", "config": {"strategy": "smote"}},
        ]
    }

    found = validate_config(config, Schema.from_frame(pl.from_pandas(PENGUINS)))

    assert [(p.pointer, p.code) for p in found.problems] == [("/steps/1/config/strategy", "wrong-type")]


def test_only_training_rows_are_resampled():
    data = load_breast_cancer(as_frame=True).frame
    split = {"node": "TrainTestSplit", "config": {"target": "target", "random_state": 0}}
    over = {"node": "Oversampling", "config": {"strategy": "random"}}
    scaler, model = {"node": "StandardScaler"}, {"node": "logistic_regression"}

    plain = Pipeline.from_config({"steps": [split, scaler], "model": model}).fit(data)
    balanced = Pipeline.from_config({"steps": [split, over, scaler], "model": model}).fit(data)

    assert balanced.evaluate().rows == plain.evaluate().rows == 114
    assert len(balanced.predict(data)) == len(data)
    assert balanced.fitted.steps[-1].params["means"] != plain.fitted.steps[-1].params["means"]
