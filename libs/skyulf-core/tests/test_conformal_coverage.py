"""Pipelines keep the coverage that they promise, on real rows that they have not seen."""

import numpy as np
import polars as pl
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from skyulf_core import Pipeline

RUNS = 100
POINT = 0.01


def rows_of(load, columns, seed):
    data = load()
    names = [f"x{i}" for i in range(columns)]
    labels = data.target if load is load_diabetes else [f"class {code}" for code in data.target]
    frame = pl.DataFrame(data.data[:, :columns], schema=names).with_columns(y=pl.Series(labels))
    return frame[np.random.default_rng(seed).permutation(frame.height)]


def fitted(frame, model, conformal, seed):
    split = {"target": "y", "test_size": 0.02, "validation_size": 0.5, "random_state": seed}
    return Pipeline.from_config({
        "steps": [{"node": "TrainTestSplit", "config": split}, {"node": "StandardScaler"}],
        "model": {"node": model}, "validation": {"conformal": conformal},
    }).fit(frame)  # fmt: skip


@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_intervals_of_a_pipeline_cover_as_promised(coverage):
    held = []
    for seed in range(RUNS):
        frame = rows_of(load_diabetes, 10, seed)
        pipeline = fitted(frame[:300], "ridge_regression", {"coverage": coverage}, seed)
        found, truth = pipeline.predict_interval(frame[300:]), frame[300:]["y"]
        held.append(((found["low"] <= truth) & (truth <= found["high"])).mean())

    assert pipeline.fitted.conformal.guaranteed
    assert np.mean(held) == pytest.approx(coverage, abs=POINT)


def test_sets_of_a_pipeline_cover_as_promised():
    held = []
    for seed in range(RUNS):
        frame = rows_of(load_breast_cancer, 2, seed)
        pipeline = fitted(frame[:350], "gaussian_nb", {"coverage": 0.95}, seed)
        found, truth = pipeline.predict_set(frame[350:]), frame[350:]["y"]
        held.append(np.mean([found[row, label] for row, label in enumerate(truth)]))

    assert np.mean(held) == pytest.approx(0.95, abs=POINT)
