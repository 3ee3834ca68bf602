"""What every model brings to be searched is searched: a study of three trials with nothing said but the model."""

import numpy as np
import polars as pl
import pytest
from skyulf_core import NodeRegistry
from skyulf_core.pipeline.resolve import resolve
from skyulf_core.tuning import SearchSpace, tune

ROWS = 160
SUPERVISED = [
    info.name
    for info in NodeRegistry.list()
    if info.family == "models" and info.task in ("classification", "regression")
]


def data(task: str) -> pl.DataFrame:
    draw = np.random.default_rng(3)
    features = {f"x{i}": draw.uniform(0.0, 4.0, ROWS).round(3) for i in range(3)}
    signal = features["x0"] + 0.5 * features["x1"] + draw.normal(0, 0.3, ROWS)
    target = np.digitize(signal, np.quantile(signal, [1 / 3, 2 / 3])) if task == "classification" else signal + 5
    return pl.DataFrame({**features, "y": target})


def config_of(name: str) -> dict[str, object]:
    entry = NodeRegistry.get(name)
    try:
        entry.config_model.model_validate({})
    except ValueError:
        return dict(entry.calculator.examples[0])
    return {}


def pipeline(name: str, **tuning: object) -> dict[str, object]:
    return {
        "steps": [{"node": "FeatureTargetSplit", "config": {"target": "y"}}],
        "model": {"node": name, "config": config_of(name)},
        "tuning": {"n_trials": 3, "cv": {"type": "shuffle_split", "folds": 1, "test_size": 0.3}, **tuning},
    }


@pytest.mark.filterwarnings("ignore::skyulf_core.problems.FitWarning")
@pytest.mark.parametrize("name", SUPERVISED)
def test_the_space_of_a_model_finds_something(name):
    task = NodeRegistry.get(name).info().task
    tuned = tune(pipeline(name), data(task))

    assert [trial.error for trial in tuned.trials if trial.state == "failed"] == []
    assert len({str(trial.params) for trial in tuned.trials}) > 1
    assert np.isfinite(tuned.best_score)


@pytest.mark.parametrize("name", ["voting_regressor", "voting_classifier", "stacking_regressor", "stacking_classifier"])
def test_a_model_made_of_models_brings_what_they_bring(name):
    resolved = resolve(pipeline(name))

    space = SearchSpace.of(None, resolved)

    inner = [learner.node for learner in resolved.model.config.estimators]
    for number, node in enumerate(inner):
        own = NodeRegistry.get(node).calculator.search_space
        assert {f"estimators.{number}.config.{key}" for key in own} <= set(space.names)
    for parameter in space.parameters:
        assert set(parameter.when) <= set(space.names)
