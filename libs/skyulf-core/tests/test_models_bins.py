"""Bins that are remembered: made once for the same rows, never for others, and of no effect on what is learned."""

import gc

import numpy as np
import polars as pl
import pytest
from sklearn.ensemble._hist_gradient_boosting.binning import _BinMapper
from skyulf_core.models._bins import Bins, remembering
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.tuning import tune
from tuning_cases import SPLIT, cancer

NAMES = ("hist_gradient_boosting_classifier", "hist_gradient_boosting_regressor")


@pytest.fixture
def made(monkeypatch):
    """How many rows bins were found for, each time."""
    found, fit = [], _BinMapper.fit

    def counted(self, X, *rest, **options):
        found.append(len(X))
        return fit(self, X, *rest, **options)

    monkeypatch.setattr(_BinMapper, "fit", counted)
    return found


def rows(seed=0, count=400):
    rng = np.random.default_rng(seed)
    frame = pl.DataFrame({f"x{i}": rng.normal(size=count) for i in range(4)})
    return frame.with_columns(x0=pl.when(pl.col("x0") > -1).then("x0")), (rng.random(count) < 0.5).astype(np.int64)


def learned(name, frame, target, *, weights=None, **options):
    calculator = NodeRegistry.get(name).calculator
    config = calculator.config_model.model_validate({"max_iter": 5, **options})
    return calculator.fit(frame, target, config, weights=weights)


def same(one, other):
    arrays = ("feature", "threshold", "left", "right", "values", "baseline")
    return all(np.array_equal(one.array(name), other.array(name)) for name in arrays)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("early", [False, True])
def test_models_of_the_same_rows_share_bins_and_learn_what_they_learn_alone(name, early, made):
    (frame, target), bins = rows(), Bins()
    rates = (0.05, 0.1, 0.3)
    alone = [learned(name, frame, target, learning_rate=rate, early_stopping=early) for rate in rates]
    made.clear()

    with remembering(bins):
        shared = [learned(name, frame, target, learning_rate=rate, early_stopping=early) for rate in rates]

    assert len(made) == 1
    assert all(same(one, other) for one, other in zip(alone, shared, strict=True))


@pytest.mark.parametrize(
    "change",
    [
        {"max_bins": 9}, {"random_state": 5, "early_stopping": True}, {"early_stopping": True},
        {"early_stopping": True, "validation_fraction": 0.4}, {"class_weight": "balanced"}, {"target": 1},
        {"weights": 1}, {"frame": 1},
    ],
    ids=str,
)  # fmt: skip
def test_whatever_bins_depend_on_makes_others(change, made):
    (frame, target), (other_frame, other_target) = rows(), rows(1)
    given = {"frame": frame, "target": target}
    changed = given | {"frame": other_frame if "frame" in change else frame}
    changed |= {"target": other_target if "target" in change else target}
    changed |= {"weights": np.linspace(0.1, 2.0, frame.height)} if "weights" in change else {}
    changed |= {name: value for name, value in change.items() if name not in ("frame", "target", "weights")}
    alone = learned(NAMES[0], **changed)
    made.clear()

    with remembering(Bins()):
        learned(NAMES[0], **given)
        found = learned(NAMES[0], **changed)

    assert len(made) == 2
    assert same(alone, found)


def test_nothing_is_kept_of_rows_that_are_gone_or_beyond_the_room(made):
    small, bins = Bins(most_bytes=100), Bins()
    frame, target = rows()

    with remembering(small):
        learned(NAMES[0], frame, target)
        learned(NAMES[0], frame, target)
    assert len(made) == 2

    for seed in range(3):
        with remembering(bins):
            learned(NAMES[0], *rows(seed))
        gc.collect()
    assert len(bins) == 1


def test_a_study_makes_bins_once_in_every_fold(made):
    config = {
        "steps": [SPLIT],
        "model": {"node": NAMES[0], "config": {"max_iter": 5}},
        "tuning": {"n_trials": 6, "pruner": "none", "search_space": {"learning_rate": {"low": 0.05, "high": 0.3}}},
    }

    tuned = tune(config, cancer())

    assert sum(len(trial.folds) for trial in tuned.trials) == 30
    assert len(made) == 5
