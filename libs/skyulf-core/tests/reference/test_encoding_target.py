"""Encoders that read the target agree with scikit-learn and category_encoders, on new rows and on training rows."""

import warnings

import numpy as np
import polars as pl
import pytest
from category_encoders import WOEEncoder
from palmerpenguins import load_penguins
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import TargetEncoder
from skyulf_core import DataError, NodeRegistry
from skyulf_core.data.frames import normalise, to_polars

PENGUINS = load_penguins().dropna(subset=["body_mass_g"]).reset_index(drop=True)
COLUMNS = ["island", "sex", "year", "bill_depth_mm"]
FRAME = normalise(to_polars(PENGUINS[COLUMNS]))
TABLE = PENGUINS[COLUMNS].astype(object).where(PENGUINS[COLUMNS].notna(), np.nan)
NEW = pl.DataFrame(
    {
        "island": ["Dream", "Atlantis", None],
        "sex": [None, "male", "?"],
        "year": [2007, None, 1],
        "bill_depth_mm": [17.0, 0.0, None],
    }
)
TARGETS = {
    "continuous": pl.Series("mass", PENGUINS["body_mass_g"] + 0.25),
    "far from zero": pl.Series("mass", PENGUINS["body_mass_g"] / 1000 + 1e7),
    "multiclass": pl.Series("species", PENGUINS["species"]),
    "numbers": pl.Series("numbers", PENGUINS["year"]),
    "binary": pl.Series("heavy", PENGUINS["body_mass_g"] > 4300),
    "two texts": pl.Series("heavy", np.where(PENGUINS["body_mass_g"] > 4300, "a", "b").tolist()),
}


def fitted(node, target, **config):
    entry = NodeRegistry.get(node)
    parsed = entry.config_model.model_validate({"columns": COLUMNS, **config})
    params = entry.calculator.fit(FRAME, target, parsed)
    return entry.applier, params, entry.calculator.training_rows(FRAME, target, parsed, params)


def reference(target, **config):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        encoder = TargetEncoder(**config)
        return encoder, encoder.fit_transform(TABLE, target.to_numpy())


@pytest.mark.compares("TargetEncoder")
@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize(
    "options",
    [{}, {"smooth": 0.0}, {"smooth": 7.5, "cv": 3}, {"shuffle": False}, {"random_state": 11, "cv": 10}],
)
def test_target_encoder_agrees(name, options):
    target = TARGETS[name]
    shuffled = {"random_state": 0, **options} if options.get("shuffle", True) else options
    encoder, wanted = reference(target, **shuffled)

    applier, params, training = fitted("TargetEncoder", target, **options)

    scale = 1e-9 * max(1.0, float(np.abs(wanted).max()))
    np.testing.assert_allclose(training.to_numpy(), wanted, rtol=0, atol=scale)
    new = NEW.to_pandas().astype(object).where(NEW.to_pandas().notna(), np.nan)
    for rows, table in ((FRAME, TABLE), (NEW, new)):
        np.testing.assert_allclose(applier.apply(rows, params).to_numpy(), encoder.transform(table), rtol=0, atol=scale)


@pytest.mark.compares("TargetEncoder")
def test_target_encoder_agrees_on_columns_of_a_kind_and_names_them():
    _, params, _ = fitted("TargetEncoder", TARGETS["multiclass"], columns=["sex"])
    encoder = TargetEncoder().fit(TABLE[["sex"]], TARGETS["multiclass"].to_numpy())

    assert params["outputs"] == [encoder.get_feature_names_out().tolist()]
    assert params["target_type"] == encoder.target_type_


@pytest.mark.compares("TargetEncoder")
@pytest.mark.parametrize(
    ("target", "config", "reason"),
    [
        ("continuous", {"target_type": "binary"}, "wrong-target"),
        ("multiclass", {"target_type": "continuous"}, "wrong-type"),
        ("multiclass", {"target_type": "binary"}, "wrong-target"),
    ],
)
def test_target_encoder_refuses_a_target_of_another_type(target, config, reason):
    with pytest.raises(DataError) as caught:
        fitted("TargetEncoder", TARGETS[target], **config)

    assert caught.value.reason == reason


def test_folds_that_the_rows_do_not_suffice_for_are_refused():
    entry = NodeRegistry.get("TargetEncoder")
    config, target = entry.config_model(cv=5), pl.Series("y", [0.5, 1.5, 2.5])
    data = pl.DataFrame({"t": ["a", "b", "a"]})
    params = entry.calculator.fit(data, target, config)

    with pytest.raises(DataError, match="too few for 5 folds"):
        entry.calculator.training_rows(data, target, config, params)


@pytest.mark.compares("WOEEncoder")
@pytest.mark.parametrize("regularization", [1.0, 0.25])
def test_woe_encoder_agrees(regularization):
    target = TARGETS["binary"]
    encoder = WOEEncoder(cols=COLUMNS, regularization=regularization)
    encoder.fit(TABLE, target.cast(pl.Int64).to_pandas())

    applier, params, _ = fitted("WOEEncoder", target, regularization=regularization)

    new = NEW.to_pandas().astype(object).where(NEW.to_pandas().notna(), np.nan)
    for rows, table in ((FRAME, TABLE), (NEW, new)):
        wanted = encoder.transform(table).to_numpy(np.float64)
        np.testing.assert_allclose(applier.apply(rows, params).to_numpy(), wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.compares("WOEEncoder")
def test_woe_encoder_encodes_training_rows_by_the_other_folds():
    target = TARGETS["two texts"]
    labels = (target == "b").cast(pl.Int64).to_pandas()
    wanted = np.empty(FRAME.shape)
    for train, test in StratifiedKFold(4, shuffle=True, random_state=3).split(TABLE, labels):
        encoder = WOEEncoder(cols=COLUMNS).fit(TABLE.iloc[train], labels.iloc[train])
        wanted[test] = encoder.transform(TABLE.iloc[test]).to_numpy(np.float64)

    _, _, training = fitted("WOEEncoder", target, cv=4, random_state=3)

    np.testing.assert_allclose(training.to_numpy(), wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.compares("WOEEncoder")
def test_woe_encoder_keeps_the_information_value():
    target = TARGETS["binary"]
    counts = PENGUINS.assign(sex=PENGUINS["sex"].fillna("?")).groupby("sex").size()
    events = PENGUINS.assign(sex=PENGUINS["sex"].fillna("?"))[target.to_numpy()].groupby("sex").size()
    good = (events.reindex(counts.index).fillna(0) + 1) / (events.sum() + 2)
    bad = (counts - events.reindex(counts.index).fillna(0) + 1) / (counts.sum() - events.sum() + 2)

    _, params, _ = fitted("WOEEncoder", target, columns=["sex"])

    assert params["information_values"] == pytest.approx([((good - bad) * np.log(good / bad)).sum()], rel=1e-9)
