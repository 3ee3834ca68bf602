"""AutoML: what takes too long is ended, and what can still be trained is trained."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from skyulf_core import Pipeline
from skyulf_core.automl.budget import Budget
from skyulf_core.automl.deadline import OverdueError, until
from skyulf_core.automl.families import FAMILIES
from skyulf_core.automl.finishing import finished
from skyulf_core.automl.leaderboard import AutoResult, Entry, Spare
from skyulf_core.automl.rounds import Candidate, Rung
from skyulf_core.automl.running import Runs
from skyulf_core.automl.setup import prepare
from skyulf_core.data.frames import normalise, schema_of
from skyulf_core.pipeline.resolved import Resolved
from skyulf_core.problems import FitWarning
from skyulf_core.tuning.study import Watch

LONG = 30.0
"""Seconds that nothing here takes, on any machine."""


def busy(seconds: float) -> str:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
    return "done"


def rows(count: int) -> pl.DataFrame:
    data = np.random.default_rng(0).normal(size=(count, 8))
    return pl.DataFrame(data).with_columns(y=data[:, 0] * data[:, 1] + data[:, 2] > 0)


def resolved_of(budget: float) -> Resolved:
    split = {"node": "TrainTestSplit", "config": {"target": "y", "random_state": 1}}
    auto = {"node": "auto", "config": {"budget": budget, "families": ["linear", "hist_gradient_boosting"]}}
    return Pipeline.from_config({"steps": [split], "model": auto}).resolved


def test_what_ends_in_time_says_what_it_has_found() -> None:
    assert until(time.monotonic() + LONG, lambda: busy(0.01)) == "done"


def test_what_takes_too_long_is_ended() -> None:
    began = time.monotonic()

    with pytest.raises(OverdueError):
        until(began + 0.1, lambda: busy(LONG))

    assert time.monotonic() - began < LONG / 2


@pytest.mark.parametrize("behind", [lambda: "half", lambda: int("no rows")])
def test_what_was_interrupted_is_not_returned(behind: Callable[[], object]) -> None:
    def swallowing() -> object:
        with suppress(OverdueError):
            busy(LONG)
        return behind()

    with pytest.raises(OverdueError):
        until(time.monotonic() + 0.1, swallowing)


def test_nothing_is_begun_after_the_moment() -> None:
    begun = list[bool]()

    with pytest.raises(OverdueError):
        until(time.monotonic() - 1.0, lambda: begun.append(True))

    assert not begun


def test_an_end_that_somebody_swallows_comes_again() -> None:
    caught = list[BaseException]()

    def stubborn() -> None:
        try:
            busy(LONG)
        except BaseException as error:
            caught.append(error)
        busy(LONG)

    with pytest.raises(OverdueError):
        until(time.monotonic() + 0.1, stubborn)

    assert len(caught) == 1


def test_who_ends_at_the_moment_itself_is_not_interrupted_later() -> None:
    ended = 0
    for _ in range(300):
        try:
            until(time.monotonic() + 0.001, lambda: busy(0.001))
        except OverdueError:
            ended += 1

    assert busy(0.1) == "done"
    assert ended <= 300
    assert not [thread for thread in threading.enumerate() if thread.name == "deadline" and _stays(thread)]


def _stays(thread: threading.Thread) -> bool:
    thread.join(LONG)
    return thread.is_alive()


@pytest.fixture
def runs() -> Runs:
    data, resolved = rows(60_000), resolved_of(LONG)
    assert resolved.auto is not None
    setup = prepare(resolved, resolved.auto, {resolved.main_source: normalise(data)}, schema_of(data))
    return Runs(setup, Budget(LONG, clock=lambda: 0.0, worked=lambda: 0.0), Watch(None, None, None))


def candidate(found: Runs, name: str, **params: object) -> Candidate:
    family = FAMILIES[name]
    given = {**found.setup.defaults(family), **params}
    return Candidate(family, given, found.setup.pipeline(family.nodes["classification"], given, kind=family.kind))


def test_a_fold_that_takes_much_longer_than_was_to_be_expected_is_ended_and_not_tried_again(runs: Runs) -> None:
    runs.run(candidate(runs, "linear"), Rung(0, 2_000, 1), "first look")
    endless = candidate(runs, "hist_gradient_boosting", max_iter=10_000, early_stopping=False)
    runs.budget.seconds = 4.0  # of which none goes by
    began = time.monotonic()

    trial = runs.run(endless, Rung(1, runs.rows, 1), "first look")

    assert (trial.state, trial.folds) == ("stopped", ())
    assert time.monotonic() - began < LONG
    assert not runs.allows(endless, Rung(1, runs.rows, 1))
    assert runs.affordable().params["family"] == "linear"


def test_where_training_the_best_takes_too_long_the_one_that_is_quickly_trained_takes_its_place() -> None:
    resolved, linear = resolved_of(2.0), entry(0, "linear")
    found = AutoResult(
        entry(1, "mlp"), "roc_auc", (entry(1, "mlp"), linear), resolved, (), seconds=1.5, budget=2.0, end="budget",
        spare=Spare(linear, replace(resolved, validation=None), seconds=0.2),
    )  # fmt: skip
    trained = list[Resolved]()

    def train(wanted: Resolved) -> str:
        trained.append(wanted)
        return busy(LONG) if len(trained) == 1 else "trained"

    with pytest.warns(FitWarning, match="training mlp took longer than its folds.*: linear was trained instead"):
        after, said = finished(found, train)

    assert (said, after.best, after.resolved) == ("trained", linear, trained[-1])
    assert [each.family for each in after.leaderboard] == ["linear", "mlp"]


def test_the_best_is_trained_where_its_seconds_suffice() -> None:
    resolved, linear = resolved_of(LONG), entry(0, "linear")
    found = AutoResult(linear, "roc_auc", (linear,), resolved, (), seconds=0.1, budget=LONG, end="budget")

    assert finished(found, lambda wanted: busy(0.01)) == (found, "done")
    assert finished(replace(found, spare=Spare(linear, resolved, 0.1)), lambda wanted: busy(0.01))[1] == "done"


def entry(number: int, family: str) -> Entry:
    return Entry(number, family, {}, "first look", "complete", 0.9, None, 1, 100, 0.1, 0)
