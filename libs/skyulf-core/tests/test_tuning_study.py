"""Studies: the same seed, the end by time or by a person, resumed, continued, shared, and killed."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time

import pytest
from skyulf_core import DataError
from skyulf_core.tuning import Trial, tune
from tuning_cases import ALPHA, SPLIT, cancer, classifier, diabetes, ridge

SPACE = {"alpha": {"low": 1e-4, "high": 1e6, "log": True}, "fit_intercept": [True, False]}
WORKER = """
import json, sys
from skyulf_core.tuning import tune
from tuning_cases import cancer
config, storage = json.loads(sys.argv[1]), sys.argv[2]
tuned = tune(config, cancer(), storage=storage, on_trial=lambda trial: print(trial.number, flush=True))
print(json.dumps(tuned.to_dict()["best"]))
"""


def slow(**tuning):
    """Trials that take their time."""
    return {
        "steps": [SPLIT],
        "model": {"node": "hist_gradient_boosting_classifier", "config": {"max_iter": 30, "max_leaf_nodes": 10}},
        "tuning": {
            "search_space": {
                "learning_rate": {"low": 0.01, "high": 0.5, "log": True},
                "min_samples_leaf": {"low": 5, "high": 40},
            },
            **tuning,
        },
    }


def started(config, storage):
    environment = os.environ | {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    command = [sys.executable, "-c", WORKER, json.dumps(config), str(storage)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def states(path):
    with sqlite3.connect(path) as database:
        return [(n, state, len(json.loads(folds))) for n, state, folds in
                database.execute("SELECT number, state, folds FROM trials ORDER BY number")]  # fmt: skip


def outcome(tuned):
    return [(t.number, t.params, t.state, t.score, [fold.metrics for fold in t.folds]) for t in tuned.trials]


@pytest.mark.parametrize("strategy", ["random", "halving_random", "optuna"])
def test_the_same_seed_gives_the_same_study(strategy):
    config = ridge(strategy=strategy, n_trials=12, search_space=SPACE)

    assert outcome(tune(config, diabetes())) == outcome(tune(config, diabetes()))


def test_another_seed_gives_another_study():
    one, other = (tune(ridge(n_trials=4, search_space=SPACE, random_state=seed), diabetes()) for seed in (0, 1))

    assert outcome(one) != outcome(other)


@pytest.mark.parametrize(
    "how", [{"strategy": "random"}, {"strategy": "optuna"}, {"strategy": "optuna", "sampler": "cma_es"}]
)
def test_a_study_that_ended_continues_with_more_trials_as_if_it_had_had_them_from_the_start(how, tmp_path):
    storage, ended = str(tmp_path / "study.db"), []
    space = {**SPACE, "tol": {"low": 1e-6, "high": 1e-2, "log": True}}
    whole = tune(ridge(**how, n_trials=14, search_space=space), diabetes())

    tune(ridge(**how, n_trials=6, search_space=space), diabetes(), storage=storage)
    continued = tune(ridge(**how, n_trials=14, search_space=space), diabetes(), storage=storage, on_trial=ended.append)

    assert outcome(continued) == outcome(whole)
    assert [trial.number for trial in ended] == list(range(6, 14))


@pytest.mark.parametrize("strategy", ["random", "halving_random", "optuna"])
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_study_that_somebody_else_keeps_goes_on_from_any_moment(strategy, jobs):
    config, written = ridge(strategy=strategy, n_trials=6, n_jobs=jobs, search_space=SPACE, pruner="none"), []
    whole = tune(config, diabetes(), on_change=written.append)
    alone = tune(ridge(strategy=strategy, n_trials=6, search_space=SPACE, pruner="none"), diabetes())

    for moment in (1, len(written) // 2, len(written) - 1):
        kept = {trial.number: json.loads(json.dumps(trial.to_dict())) for trial in written[:moment]}
        known, again = [Trial.from_dict(trial) for trial in kept.values()], []
        resumed = tune(config, diabetes(), known=known, on_change=again.append)

        ended = {trial.number for trial in known if trial.ended}
        assert not ended & {trial.number for trial in again}
        assert [trial for trial in resumed.trials if trial.number in ended] == [t for t in known if t.ended]
        assert len(resumed.trials) == len(whole.trials)
        if jobs == 1:
            assert outcome(resumed) == outcome(alone)


def test_a_study_that_is_done_runs_nothing_again(tmp_path):
    config, storage, ended = ridge(n_trials=4, search_space=SPACE), str(tmp_path / "study.db"), []
    first = tune(config, diabetes(), storage=storage)

    again = tune(config, diabetes(), storage=storage, on_trial=ended.append)

    assert ended == []
    assert outcome(again) == outcome(first)
    assert (again.oof.predictions == first.oof.predictions).all()


@pytest.mark.parametrize("strategy", ["random", "halving_grid", "optuna"])
def test_a_study_that_is_stopped_between_folds_goes_on_where_it_ended(strategy, tmp_path):
    storage, asked = str(tmp_path / "study.db"), []
    space = {"alpha": [0.1, 1.0, 10.0, 100.0, 1000.0]}
    config = ridge(strategy=strategy, n_trials=5, search_space=space, pruner="none")

    stopped = tune(config, diabetes(), storage=storage, should_stop=lambda: asked.append(1) or len(asked) > 9)
    resumed = tune(config, diabetes(), storage=storage)

    assert stopped.end == "stopped"
    assert [(t.state, len(t.folds)) for t in stopped.trials] == [("complete", 5), ("stopped", 2)]
    assert resumed.end == "done"
    assert outcome(resumed) == outcome(tune(config, diabetes()))


def test_a_study_that_is_stopped_before_any_trial_is_complete_says_so():
    with pytest.raises(DataError, match="no trial came to a score before the study was stopped"):
        tune(ridge(search_space=SPACE), diabetes(), should_stop=lambda: True)


def test_time_ends_a_study():
    began = time.monotonic()

    tuned = tune(slow(timeout=3.0), cancer())

    assert tuned.end == "timeout"
    assert 3.0 <= time.monotonic() - began < 30
    assert tuned.best.state == "complete"


def test_every_trial_is_reported_as_it_ends_and_progress_shows_the_best_so_far():
    ended, told = [], []

    tune(ridge(strategy="grid", search_space={"alpha": [1.0, 2.0, 3.0]}), diabetes(), on_trial=ended.append,
         report=lambda fraction, message: told.append((fraction, message)))  # fmt: skip

    assert [trial.number for trial in ended] == [0, 1, 2]
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert told[0] == (pytest.approx(1 / 15), "trial 0")
    assert "best r2 0.4" in told[-1][1]


def test_trials_side_by_side_come_to_the_same_scores():
    config = classifier(strategy="grid", search_space={"C": [0.01, 0.1, 1.0, 10.0]}, pruner="none")
    alone = tune(config, cancer())

    config["tuning"]["n_jobs"] = 3
    beside = tune(config, cancer())

    assert {t.params["C"]: t.score for t in beside.trials} == {t.params["C"]: t.score for t in alone.trials}
    assert beside.best_params == alone.best_params
    assert len(beside.trials) == 4


@pytest.mark.parametrize("strategy", ["optuna", "halving_random"])
def test_side_by_side_every_trial_runs_once(strategy):
    ended = []

    tuned = tune(ridge(strategy=strategy, n_trials=12, n_jobs=4, search_space=SPACE), diabetes(), on_trial=ended.append)

    assert sorted(trial.number for trial in ended) == [trial.number for trial in tuned.trials]
    assert all(trial.ended for trial in tuned.trials)


def test_an_error_of_the_caller_ends_all_trials_side_by_side():
    def raise_error(trial):
        raise RuntimeError("the caller has had enough")

    with pytest.raises(RuntimeError, match="had enough"):
        tune(ridge(n_trials=50, n_jobs=2, search_space=SPACE), diabetes(), on_trial=raise_error)


@pytest.mark.parametrize(
    "change",
    [{"search_space": ALPHA}, {"metric": "rmse"}, {"random_state": 1}, {"cv": {"type": "k_fold", "folds": 3}},
     {"strategy": "optuna"}],
)  # fmt: skip
def test_a_storage_of_another_study_is_refused(change, tmp_path):
    storage = str(tmp_path / "study.db")
    tune(ridge(n_trials=1, search_space=SPACE), diabetes(), storage=storage)

    with pytest.raises(DataError, match="holds another study") as error:
        tune(ridge(**{"n_trials": 2, "search_space": SPACE, **change}), diabetes(), storage=storage)

    assert error.value.reason == "other-study"


def test_a_storage_of_other_data_is_refused(tmp_path):
    storage, config = str(tmp_path / "study.db"), ridge(n_trials=1, search_space=SPACE)
    tune(config, diabetes(), storage=storage)

    with pytest.raises(DataError, match="its data differ"):
        tune(config, diabetes().reverse(), storage=storage)


def test_a_storage_that_is_no_journal_is_refused(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("nothing of the kind" * 100)

    with pytest.raises(DataError, match="cannot be used"):
        tune(ridge(n_trials=1, search_space=SPACE), diabetes(), storage=str(path))


@pytest.mark.parametrize("strategy", ["random", "optuna"])
def test_a_study_killed_in_the_middle_of_a_trial_is_resumed_and_nothing_is_lost(strategy, tmp_path):
    storage, ended = tmp_path / "study.db", []
    config = slow(strategy=strategy, n_trials=4, pruner="none")
    worker = started(config, storage)
    assert worker.stdout.readline().strip() == "0"
    while not (found := states(storage))[-1][2] or found[-1][1] != "running":
        time.sleep(0.005)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    worker.stdout.close()
    before = states(storage)
    assert before[-1][1] == "running"

    resumed = tune(config, cancer(), storage=str(storage), on_trial=ended.append)

    done = [number for number, state, _ in before if state == "complete"]
    assert done
    assert [trial.number for trial in ended] == [n for n in range(4) if n not in done]
    assert outcome(resumed) == outcome(tune(config, cancer()))
    assert not list(tmp_path.glob("*.worker-*"))


def test_two_workers_share_a_study(tmp_path):
    storage = tmp_path / "study.db"
    config = slow(strategy="optuna", n_trials=8)

    workers = [started(config, storage), started(config, storage)]
    printed = [worker.communicate(timeout=200)[0].splitlines() for worker in workers]

    assert [worker.returncode for worker in workers] == [0, 0]
    numbers = [[int(line) for line in lines[:-1]] for lines in printed]
    assert all(numbers)
    assert sorted(numbers[0] + numbers[1]) == list(range(8))
    assert printed[0][-1] == printed[1][-1]


def test_the_trial_of_a_worker_that_was_killed_falls_to_the_other(tmp_path):
    storage = tmp_path / "study.db"
    config = slow(strategy="random", n_trials=6, pruner="none")
    first = started(config, storage)
    assert first.stdout.readline()
    second = started(config, storage)
    assert second.stdout.readline()
    first.send_signal(signal.SIGKILL)
    first.wait()
    first.stdout.close()

    second.communicate(timeout=200)

    assert second.returncode == 0
    assert states(storage) == [(number, "complete", 5) for number in range(6)]
