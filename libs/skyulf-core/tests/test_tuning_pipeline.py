"""Pipelines that tune themselves: what they are before and after, saved and loaded, and judged by nested folds."""

import json
import pickle

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import r2_score
from skyulf_core import DataError, InvalidConfigError, Pipeline
from skyulf_core.tuning import tune
from tuning_cases import SPLIT, cancer, diabetes, ridge

HELD = {"node": "TrainTestSplit", "config": {"target": "y", "test_size": 0.25, "random_state": 4}}
TUNING = {
    "strategy": "grid",
    "metric": "r2",
    "search_space": {"alpha": [0.1, 10.0, 1e5], "StandardScaler.with_std": [True, False]},
}


def held_out(**tuning):
    return {
        "steps": [HELD, {"node": "StandardScaler"}],
        "model": {"node": "ridge_regression"},
        "tuning": {**TUNING, **tuning},
    }


@pytest.fixture(scope="module")
def fitted():
    return Pipeline.from_config(held_out()).fit(diabetes())


def test_a_fit_tunes_first_and_learns_with_the_best_from_all_training_rows(fitted):
    best = fitted.tuning_result.best_config
    by_hand = Pipeline.from_config(best).fit(diabetes())

    assert "tuning" not in fitted.config
    assert fitted.config == best == by_hand.config
    assert fitted.fingerprint() == by_hand.fingerprint()
    assert fitted.predict(diabetes()).equals(by_hand.predict(diabetes()))
    assert fitted.evaluate().to_dict() == by_hand.evaluate().to_dict()


def test_the_result_has_a_table_of_trials(fitted):
    table = fitted.tuning_result.table()

    assert table.height == 6
    assert sorted(table["StandardScaler.with_std"].to_list()) == ["False"] * 3 + ["True"] * 3
    assert set(table["state"]) <= {"complete", "pruned"}
    assert table["score"].max() == fitted.tuning_result.best_score
    json.dumps(fitted.tuning_result.to_dict(), allow_nan=False)


def test_the_out_of_fold_predictions_of_the_best_give_its_score(fitted):
    result = fitted.tuning_result
    oof = result.oof

    scores = [r2_score(oof.truth[oof.folds == fold], oof.predictions[oof.folds == fold]) for fold in range(5)]

    assert sorted(oof.rows) == list(range(331))
    assert np.mean(scores) == pytest.approx(result.best_score, abs=1e-9)


def test_test_rows_are_never_seen_by_the_search():
    frame = diabetes()
    split = Pipeline.from_config({"steps": [HELD], "model": {"node": "ridge_regression"}}).fit(frame)
    kept = split.fitted
    assert kept.evaluation.rows == 111
    config = held_out()
    first = tune(config, frame)
    from sklearn.model_selection import train_test_split

    _, test = train_test_split(np.arange(frame.height), test_size=0.25, random_state=4)
    noise = np.where(np.isin(np.arange(frame.height), test), 1e4, 0.0)

    second = tune(config, frame.with_columns(y=pl.col("y") + noise))

    assert [t.score for t in first.trials] == [t.score for t in second.trials]


def test_a_tuned_pipeline_is_saved_and_loaded_with_its_best_parameters(fitted, tmp_path):
    again = Pipeline.load(fitted.save(tmp_path / "bundle"))

    assert again.config == fitted.config
    assert again.tuning_result is None
    assert again.predict(diabetes()).equals(fitted.predict(diabetes()))


def test_another_fit_searches_anew():
    pipeline = Pipeline.from_config(held_out())
    first = pipeline.fit(diabetes()).tuning_result

    second = pipeline.fit(diabetes().reverse()).tuning_result

    assert second is not first
    assert len(second.trials) == 6


def test_a_pipeline_is_what_it_was_after_an_error():
    pipeline = Pipeline.from_config(held_out())
    before = pipeline.config

    with pytest.raises(DataError):
        pipeline.fit(diabetes(), should_stop=lambda: True)

    assert pipeline.config == before
    assert not pipeline.is_fitted
    assert pipeline.tuning_result is None


def test_progress_goes_from_the_search_to_the_end_of_the_fit():
    told, ended = [], []

    Pipeline.from_config(held_out()).fit(diabetes(), lambda fraction, message: told.append((fraction, message)),
                                         on_trial=ended.append)  # fmt: skip

    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions)
    assert told[-1] == (1.0, "done")
    assert len(ended) == 6


def test_a_pipeline_that_is_stopped_learns_with_the_best_so_far():
    asked = []

    pipeline = Pipeline.from_config(held_out(pruner="none")).fit(
        diabetes(), should_stop=lambda: asked.append(1) or len(asked) > 14
    )

    assert pipeline.tuning_result.end == "stopped"
    assert pipeline.is_fitted
    assert pipeline.config["model"]["config"]["alpha"] == pipeline.tuning_result.best_params["alpha"]


def test_pandas_and_lazy_frames_are_searched_alike(fitted):
    config = held_out()

    of_pandas = Pipeline.from_config(config).fit(diabetes().to_pandas()).tuning_result
    of_lazy = Pipeline.from_config(config).fit(diabetes().lazy()).tuning_result

    scores = [trial.score for trial in fitted.tuning_result.trials]
    assert [t.score for t in of_pandas.trials] == [t.score for t in of_lazy.trials] == scores


def test_a_graph_is_tuned_by_the_ids_of_its_nodes():
    config = {
        "nodes": [
            {"id": "split", **SPLIT},
            {"id": "scale", "node": "StandardScaler", "inputs": ["split"]},
            {"id": "model", "node": "ridge_regression", "inputs": ["scale"]},
        ],
        "tuning": {"strategy": "grid", "search_space": {"scale.with_std": [True, False], "model.alpha": [1.0, 1e4]}},
    }

    pipeline = Pipeline.from_config(config).fit(diabetes())

    assert pipeline.tuning_result.best_params["model.alpha"] == 1.0
    assert pipeline.config["model"]["config"]["alpha"] == 1.0


def test_the_fingerprint_counts_what_is_searched_and_not_where_it_is_kept():
    one, other, elsewhere = (
        Pipeline.from_config(held_out(**more)).fingerprint()
        for more in ({}, {"random_state": 1}, {"storage": "study.db", "n_jobs": 2})
    )

    assert one == elsewhere != other


NESTED = {"type": "nested", "outer": {"type": "k_fold", "folds": 3}, "inner": {"type": "k_fold", "folds": 4}}


def test_a_nested_validation_judges_the_whole_search(tmp_path):
    config = ridge(strategy="grid", search_space={"alpha": [1.0, 1e5]}, cv=NESTED, storage=str(tmp_path / "study.db"))

    tuned = tune(config, diabetes())

    assert tuned.best_params == {"alpha": 1.0}
    assert [len(fold.rows) for fold in tuned.outer.folds] == [148, 147, 147]
    assert tuned.outer.mean["r2"] == pytest.approx(0.48, abs=0.05)
    assert len(list(tmp_path.glob("study.db*"))) == 4


def test_nested_folds_that_the_rows_cannot_make_are_refused_before_the_first_trial():
    tried = []
    cv = {**NESTED, "inner": {"type": "k_fold", "folds": 400}}

    with pytest.raises((DataError, InvalidConfigError)):
        tune(ridge(search_space={"alpha": [1.0]}, cv=cv), diabetes(), on_trial=tried.append)

    assert tried == []


def test_weights_travel_with_the_rows_of_every_trial():
    frame = cancer(nulls=False).with_columns(w=pl.lit(1.0) + (pl.col("y") == 1).cast(pl.Float64))
    config = {
        "steps": [SPLIT, {"node": "StandardScaler"}],
        "model": {"node": "logistic_regression", "weights": "w"},
        "tuning": {"strategy": "grid", "search_space": {"C": [0.1, 1.0]}, "metric": "log_loss"},
    }

    weighted = tune(config, frame)
    del config["model"]["weights"]
    plain = tune(config, frame.drop("w"))

    assert weighted.oof.weights is not None
    assert weighted.best_score != plain.best_score


def test_a_result_is_copied_to_another_process_with_its_predictions(fitted):
    copy = pickle.loads(pickle.dumps(fitted.tuning_result))

    assert copy.best == fitted.tuning_result.best
    assert (copy.oof.predictions == fitted.tuning_result.oof.predictions).all()


def test_the_storage_of_a_study_is_a_file_that_a_configuration_names():
    assert Pipeline.from_config(held_out(storage="sqlite:////somewhere/study.db")).files == [
        ("/tuning/storage", "/somewhere/study.db")
    ]
    assert Pipeline.from_config(held_out()).files == []
