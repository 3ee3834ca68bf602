"""Data that cannot be learned from: a sentence that says what to do, by every way in, before anything is learned."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from judging_ways import LABELS, LEARNING, NOT_FIT, RARE, ROW, ROWS, WAYS, Config, Frame, changed, config, data, refusal
from skyulf_core import Pipeline
from skyulf_core.problems import CoreError

DATA: dict[str, tuple[Frame, Config, str, tuple[str, ...]]] = {
    "a class with one member, stratified": (
        data(y=RARE), config(split={"stratify": True}),
        "class 'rare' of 'y' has 1 row to divide, and a stratified split needs 2; take more rows of it", tuple(WAYS),
    ),
    "a class with one member, held out": (
        data(y=changed(LABELS, -1, "rare")), config(split={"shuffle": False}),
        "test: 1 row has a label that no training row has, as 'rare'; stratify the split, or remove classes",
        tuple(WAYS),
    ),
    "a class with one member, to learn from": (
        data(y=changed(LABELS, 0, "rare")), config(split={"shuffle": False}), "class 'rare' of 'y' has 1 ", NOT_FIT,
    ),
    "a target with nulls": (
        data(y=[None if row % 10 == 0 else row % 2 for row in ROW]), config(),
        "the target 'y' is missing in 12 of 120 rows; fill or remove them, or set drop_missing_target", tuple(WAYS),
    ),
    "a target of nulls": (
        data(y=[None] * ROWS), config(), "'y'", tuple(WAYS),
    ),
    "a text target of a regression": (
        data(y=LABELS), config(model="ridge_regression"),
        "The target 'y' is string; a regression predicts numbers. Choose a classification model.",
        ("fit", "tune", "cross_validate", "validation"),
    ),
    "fractions as classes": (
        data(y=np.sin(ROW)), config(), "the target 'y' holds fractions; choose a regression, or make classes of it",
        tuple(WAYS),
    ),
    "a target of one value": (
        data(y=["yes"] * ROWS), config(), "the target 'y' has the same value in every row; there is nothing to learn",
        tuple(WAYS),
    ),
    "training rows of one value": (
        data(y=np.where(ROW < 96, 1, 0)), config(split={"shuffle": False}),
        "the target 'y' is 1 in every training row; there is nothing to learn: stratify the split", tuple(WAYS),
    ),
    "1,000 classes and fewer test rows": (
        data(3_000, y=np.arange(3_000) % 1_000), config(split={"stratify": True}),
        "600 of 3,000 rows held out do not leave one of each of 1,000 classes on both sides; take more, or hold out",
        tuple(WAYS),
    ),
    "1,000 classes of three": (
        data(3_000, y=np.arange(3_000) % 1_000), config(split={"stratify": True, "test_size": 1_000}),
        "has 2 of the training rows, and stratified_k_fold needs 5 of each class; choose at most 2 folds, or take more",
        ("tune", "cross_validate", "validation"),
    ),
    "a class per row": (
        data(y=[f"id-{row}" for row in ROW]), config(), "a label that no training row has", tuple(WAYS),
    ),
    "features that are constant and missing": (
        data(a=[2.5] * ROWS, b=[None] * ROWS, group=[1] * ROWS, moment=[1] * ROWS), config(model="ridge_regression"),
        "has the same value in all 96 training rows, so nothing can be learned from them; add columns", ("auto",),
    ),
    "no rows": (data().head(0), config(), "there are no rows to learn from", tuple(WAYS)),
    "one row": (data().head(1), config(), "1 row is too few to split; take more", tuple(WAYS)),
    "fewer rows than folds": (
        data(4), config(split={"shuffle": False, "test_size": 1}),
        "there are 3 training rows for 5 folds; take more rows, or at most 3 folds",
        ("tune", "cross_validate", "validation"),
    ),
    "weights below 0": (
        data(weight=np.where(ROW == 3, -1.0, 1.0)), config(weights="weight"),
        "the weights 'weight' are below 0 in 1 of 120 rows; 0 leaves a row out of account", tuple(WAYS),
    ),
    "weights that are no numbers": (
        data(weight=np.where(ROW == 3, np.nan, 1.0)), config(weights="weight"),
        "the weights 'weight' are missing in 1 of 120 rows; fill them in", tuple(WAYS),
    ),
    "missing weights": (
        data(weight=[None] + [1.0] * (ROWS - 1)), config(weights="weight"), "are missing in 1 of 120", tuple(WAYS),
    ),
    "endless weights": (
        data(weight=np.where(ROW == 3, np.inf, 1.0)), config(weights="weight"), "scale them", tuple(WAYS),
    ),
    "weights of 0": (data(weight=np.zeros(ROWS)), config(weights="weight"), "are 0 in all rows", tuple(WAYS)),
    "weights for one class only": (
        data(y=LABELS, weight=np.where(LABELS == "no", 1.0, 0.0)), config(weights="weight"),
        "the target 'y' is 'no' in every training row that 'weight' gives a weight; there is nothing to learn",
        tuple(WAYS),
    ),
    "weights that are texts": (
        data(weight=["a"] * ROWS), config(weights="weight"), "weights are numbers of at least 0. Name a column of",
        tuple(WAYS),
    ),
    "weights that are not there": (
        data(), config(weights="wieght"), "There is no column 'wieght' to weigh rows by. Did you mean 'weight'?",
        tuple(WAYS),
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "way"), [(name, way) for name, (*_, ways) in DATA.items() for way in ways], ids=lambda value: value
)
def test_data_that_cannot_be_learned_from(name, way):
    frame, wanted, says, _ = DATA[name]

    assert says in refusal(WAYS[way], frame, wanted)


@pytest.mark.parametrize("way", WAYS)
def test_features_that_never_differ(way):
    frame = data(a=[1.0] * ROWS, b=[True] * ROWS).drop("group", "moment", "weight")
    wanted = {**config(), "steps": config()["steps"][:1]}

    said = refusal(WAYS[way], frame, wanted)

    assert "every column ('a', 'b') has the same value in all 96 training rows" in said
    assert "add columns that differ from row to row" in said


@pytest.mark.parametrize("way", ["fit", "tune", "cross_validate"])
@pytest.mark.parametrize(
    ("model", "left"),
    [
        ("logistic_regression", 1.0),
        ("random_forest_classifier", 1.0),
        ("random_forest_classifier", None),
        ("hist_gradient_boosting_classifier", None),
    ],
)
def test_features_of_which_the_steps_leave_none_that_differs(way, model, left):
    frame = data(b=pl.Series([left] * ROWS, dtype=pl.Float64), weight=np.ones(ROWS)).drop("moment")
    wanted = {**config(model=model), "steps": [
        config()["steps"][0], {"node": "DropColumns", "config": {"columns": ["a", "group"]}},
    ]}  # fmt: skip

    said = refusal(LEARNING[way], frame, wanted)

    assert "every column ('b', 'weight') has the same value in all " in said
    assert "training rows, so nothing can be learned from them; add columns that differ from row to row" in said


def test_features_that_differ_by_what_is_missing_are_learned_from():
    frame = data(a=[None, 1.0] * (ROWS // 2), b=[1.0] * ROWS).drop("group", "moment", "weight")
    steps = [config()["steps"][0], {"node": "MissingIndicator"}, {"node": "SimpleImputer"}]

    assert Pipeline.from_config({**config(), "steps": steps}).fit(frame).is_fitted


@pytest.mark.parametrize("model", ["k_neighbors_regressor", "sgd_classifier"])
def test_values_that_are_too_large_are_those_of_a_row_not_of_a_column_without_a_name(model):
    rows = np.random.default_rng(0).normal(size=(80, 2)) * 1e200
    frame = Frame({"a": rows[:, 0], "b": rows[:, 1], "y": np.arange(80) % 2})
    split = {"node": "TrainTestSplit", "config": {"target": "y"}}

    with pytest.raises(CoreError, match="row 0 has values so large") as caught:
        Pipeline.from_config({"steps": [split], "model": {"node": model}}).fit(frame)

    assert "column ''" not in str(caught.value)
