"""Pure noise, a hundred times: no score differs from chance beyond its interval, whatever was chosen by the target.

Labels that have nothing to do with the rows can be exchanged, so the spread of a fold's score by chance alone is known
exactly. Scores are measured in these spreads: of a hundred honest ones five or so are beyond 1.96, and their mean is 0.
Beside each proof stands a control that chooses with the rows it is judged on, and is caught.
"""

import numpy as np
import polars as pl
import pytest
import sklearn.metrics as sk
from skyulf_core import Pipeline
from skyulf_core.pipeline.resolve import resolve
from skyulf_core.tuning import tune
from skyulf_core.validation.crossing import cross_validate
from skyulf_core.validation.thresholds import threshold_by_metric

SEEDS = range(100)
FEW = range(20)
"""Leaks show at once."""
SPLIT = {"node": "FeatureTargetSplit", "config": {"target": "y"}}
MODEL = {"node": "gaussian_nb"}
ENCODED = {"steps": [SPLIT, {"node": "TargetEncoder", "config": {"smooth": 1.0}}], "model": MODEL}
SELECTED = {
    "steps": [SPLIT, {"node": "UnivariateSelection", "id": "select", "config": {"mode": "k_best", "param": 4}}],
    "model": MODEL,
}  # fmt: skip


def folds(count, seed):
    return {"type": "stratified_k_fold", "folds": count, "random_state": seed}


def nested(seed):
    return {"type": "nested", "outer": folds(2, seed), "inner": folds(2, seed)}


def labels(rng, rows):
    return pl.Series(rng.permutation(np.repeat([0, 1], rows // 2)))


def categories(seed, rows=200):
    rng = np.random.default_rng(seed)
    kinds = {f"c{i}": [f"k{code}" for code in rng.integers(0, 50, rows)] for i in range(3)}
    return pl.DataFrame({**kinds, "y": labels(rng, rows)})


def numbers(seed, rows=100, columns=40):
    rng = np.random.default_rng(seed)
    return pl.DataFrame({f"x{i}": rng.normal(size=rows) for i in range(columns)} | {"y": labels(rng, rows)})


def spreads(result, frame):
    """Return by how many spreads of chance the area of each fold is above 0.5."""
    found = []
    for fold in result.folds:
        ones = int(frame["y"].to_numpy()[fold.rows].sum())
        zeros = len(fold.rows) - ones
        found.append((fold.metrics["roc_auc"] - 0.5) / np.sqrt((ones + zeros + 1) / (12 * ones * zeros)))
    return found


def assert_chance(found):
    """Refuse a mean beyond three standard errors of 0, and more scores beyond their interval than chance explains.

    The folds of one seed are not independent of each other, the seeds are.
    """
    found = np.array(found).reshape(len(SEEDS), -1)
    means = found.mean(axis=1)
    assert abs(means.mean()) < 3 * means.std(ddof=1) / np.sqrt(len(SEEDS)), means.mean()
    assert abs(means.mean()) < 0.3
    assert (np.abs(found) > 1.96).mean() <= 0.12  # more happens once in a thousand times
    assert np.abs(found).max() < 4.3


def assert_leak(found):
    means = np.array([np.mean(each) for each in found])
    assert means.mean() > 0.8
    assert means.mean() > 8 * means.std(ddof=1) / np.sqrt(len(means))


def judged(config, frame, seed):
    return Pipeline.from_config(config).cross_validate(frame, folds(3, seed), metrics=["roc_auc"])


def leaking(config, frame):
    """Return the data as the steps make them when they have seen all rows, the test rows of the folds too."""
    return Pipeline.from_config({"steps": config["steps"]}).fit(frame).transform(frame).with_columns(frame["y"])


@pytest.mark.parametrize(("config", "make"), [(ENCODED, categories), (SELECTED, numbers)], ids=["encoded", "selected"])
def test_steps_that_read_the_target_find_nothing_in_noise(config, make):
    frames = [make(seed) for seed in SEEDS]

    honest = [spreads(judged(config, frame, seed), frame) for seed, frame in enumerate(frames)]
    control = [
        spreads(judged({"steps": [SPLIT], "model": MODEL}, leaking(config, frames[seed]), seed), frames[seed])
        for seed in FEW
    ]

    assert_chance(honest)
    assert_leak(control)


def test_tuning_in_nested_folds_finds_nothing_in_noise():
    outer, inner = [], []
    for seed in SEEDS:
        frame = numbers(seed, rows=80, columns=12)
        tuned = tune(
            {
                **SELECTED,
                "tuning": {
                    "strategy": "grid", "metric": "roc_auc", "search_space": {"select.param": [1, 3, 8]},
                    "cv": nested(seed), "pruner": "none",
                },
            },
            frame,
        )  # fmt: skip
        outer.append(spreads(tuned.outer, frame))
        inner.append(tuned.best_score)

    assert_chance(outer)
    assert np.mean(inner) > 0.5 + 3 * np.std(inner) / np.sqrt(len(inner))  # the best of many, where it was chosen


def test_a_choice_of_our_own_in_nested_folds_finds_nothing_in_noise():
    candidates = [
        resolve({
            "steps": [SPLIT, {"node": "SelectColumns", "config": {"columns": [f"x{i}", f"x{i + 1}"]}}], "model": MODEL,
        })
        for i in range(0, 8, 2)
    ]  # fmt: skip
    outer, inner = [], []

    def choose(validator):
        scores = [
            np.mean([validator.run_fold(one, index).metrics["roc_auc"] for index in range(validator.folds)])
            for one in candidates
        ]
        inner.append(max(scores))
        return candidates[int(np.argmax(scores))]

    for seed in SEEDS:
        frame = numbers(seed, rows=80, columns=8)
        pipeline = Pipeline.from_config({"steps": [SPLIT], "model": MODEL})
        outer.append(spreads(cross_validate(pipeline, frame, nested(seed), metrics=["roc_auc"], choose=choose), frame))

    assert_chance(outer)
    assert np.mean(inner) > 0.5 + 10 * np.std(inner) / np.sqrt(len(inner))


def gained(truth, codes):
    """Return by how many spreads of chance the balanced accuracy of calls is above 0.5."""
    truth, share, ones, rows = np.asarray(truth), np.mean(codes), np.sum(truth), len(truth)
    chance = np.sqrt(share * (1 - share) * rows**2 / ((rows - 1) * ones * (rows - ones))) / 2
    return (sk.balanced_accuracy_score(truth, codes) - 0.5) / chance if chance else 0.0


def test_a_threshold_that_is_chosen_on_folds_gains_nothing_on_noise():
    config = {
        "steps": [SPLIT], "model": MODEL,
        "validation": {"threshold": {"metric": "balanced_accuracy"}, "cv": folds(2, 0)},
    }  # fmt: skip
    honest, control = [], []
    for seed in SEEDS:
        frame = numbers(seed, rows=200, columns=3)
        pipeline, other = Pipeline.from_config(config).fit(frame[:100]), frame[100:]
        truth, probabilities = other["y"].to_numpy(), pipeline.predict_proba(other).to_numpy()
        honest.append(gained(truth, pipeline.predict(other).to_numpy()))
        chosen = threshold_by_metric("balanced_accuracy", truth, probabilities, classes=[0, 1])
        control.append(gained(truth, chosen.codes(probabilities)))

    assert_chance(honest)
    assert_leak(control)
