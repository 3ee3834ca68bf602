"""AutoML: what is refused before anything is tried, and what the data show to be impossible."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from skyulf_core import DataError, InvalidConfigError, Pipeline, Schema, validate_config

SPLIT = {"node": "TrainTestSplit", "config": {"target": "y"}}


def config(**auto: object) -> dict[str, object]:
    return {"steps": [SPLIT], "model": {"node": "auto", "config": auto}}


def told(written: dict[str, object]) -> list[str]:
    return [str(problem) for problem in validate_config(written).problems]


@pytest.mark.parametrize(
    ("auto", "text"),
    [
        ({"budget": 0}, "/model/config/budget: A budget of 0 seconds leaves nothing to try. Choose at least 1; 60 is"),
        ({"budget": -3.0}, "/model/config/budget: A budget of -3.0 seconds leaves nothing to try."),
        ({"budgt": 10}, "/model/config/budgt: auto has no parameter 'budgt'. Did you mean 'budget'?"),
        ({"families": ["lightgmb"]}, "/model/config/families/0: There is no family 'lightgmb'. Did you mean 'lightgbm"),
        ({"families": []}, "/model/config/families: "),
        ({"families": ["naive_bayes"], "task": "regression"}, "The family naive_bayes does no regression."),
        ({"metric": "acuracy"}, "/model/config/metric: There is no metric 'acuracy'. Did you mean 'accuracy'?"),
        ({"metric": "rmse", "task": "classification"}, "The metric 'rmse' is one of a regression"),
        ({"metric": "silhouette"}, "/model/config/metric: "),
        ({"cv": {"type": "kfold"}}, "/model/config/cv/type: There is no mode 'kfold'. Did you mean 'k_fold'?"),
        ({"cv": {"type": "nested"}}, "/model/config/cv/type: auto chooses on one set of folds."),
        ({"task": "clustering"}, "/model/config/task: "),
    ],
)
def test_what_is_wrong_is_said_without_data(auto: dict[str, object], text: str) -> None:
    found = told(config(**auto))

    assert len(found) == 1
    assert text in found[0]


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ({"steps": [], "model": "auto"}, "auto needs a splitter that names the target. Add TrainTestSplit as a step."),
        ({**config(), "tuning": {"n_trials": 3}}, "/tuning: tuning does not go with auto."),
        ({**config(), "validation": {}}, "/validation: validation does not go with auto."),
        ({"steps": [SPLIT], "model": {"node": "atuo"}}, "There is no node 'atuo'. Did you mean 'auto'?"),
        (
            {"nodes": [{"id": "s", **SPLIT}, {"id": "m", "node": "auto", "inputs": ["s"]}]},
            "auto is the model of a line of steps, and stands nowhere else. Write steps and model.",
        ),
    ],
)
def test_what_does_not_go_with_it_is_said(written: dict[str, object], text: str) -> None:
    assert any(text in problem for problem in told(written))


def test_the_short_form_is_the_long_one_with_nothing_configured() -> None:
    short = Pipeline.from_config({"steps": [SPLIT], "model": "auto"})
    long = Pipeline.from_config(config(budget=60))

    assert short.config == long.config
    assert short.config["model"]["config"]["budget"] == 60.0  # type: ignore[index,call-overload]
    assert Pipeline.from_config(short.config).fingerprint() == short.fingerprint()
    assert Pipeline.from_config(config(budget=61)).fingerprint() != short.fingerprint()


def frame(target: list[object]) -> pl.DataFrame:
    return pl.DataFrame({"x": np.random.default_rng(0).normal(size=len(target)), "y": target}, strict=False)


@pytest.mark.parametrize(
    ("data", "auto", "text"),
    [
        (frame(["a"] * 60), {}, "the target 'y' has the same value in every row; there is nothing to learn"),
        (frame(["a", None] * 30), {}, "the target 'y' is missing in 30 of 60 rows"),
        (frame(["a", "b"] * 30 + ["c"]), {}, "class 'c' of 'y' has 1 training row, and folds need two"),
        (frame(["a", "b"] * 30), {"metric": "r2"}, "/model/config/metric: The metric 'r2' is one of a regression"),
        (frame(["a", "b", "c"] * 30), {"metric": "f1"}, "/model/config/metric: 'f1' needs two classes; with 3 choose"),
        (frame(["a", "b"] * 30).with_columns(x=pl.lit(1)), {}, "every column ('x') has the same value"),
        (frame([float(i) / 7 for i in range(60)]), {"families": ["naive_bayes"]}, "no family is left to try"),
    ],
)
def test_data_that_no_candidate_could_learn_from_are_refused(
    data: pl.DataFrame, auto: dict[str, object], text: str
) -> None:
    with pytest.raises((DataError, InvalidConfigError)) as caught:
        Pipeline.from_config(config(budget=5, **auto)).fit(data)

    assert text in str(caught.value)


def test_columns_that_are_not_there_are_refused() -> None:
    data = frame(["a", "b"] * 30)
    weighed = {"steps": [SPLIT], "model": {"node": "auto", "weights": "wieght"}}

    with pytest.raises(InvalidConfigError, match="There is no column 'wieght' to weigh rows by"):
        Pipeline.from_config(weighed).fit(data)
    with pytest.raises(InvalidConfigError, match="There is no column 'y' to predict"):
        Pipeline.from_config(config()).fit(data.drop("y"))


COLUMNS = pl.DataFrame({"x": [1.0, 2.0], "town": ["a", "b"], "amount": [1.5, 2.5], "many": [1, 2]})


def split(target: str) -> dict[str, object]:
    return {"node": "TrainTestSplit", "config": {"target": target}}


@pytest.mark.parametrize(
    ("target", "model", "text"),
    [
        ("town", {"config": {"metric": "rmse"}}, "/model/config/metric: The metric 'rmse' is one of a regression"),
        ("town", {"config": {"task": "regression"}}, "/model/config/task: The target 'town' is string; a regression"),
        ("town", {"weights": "wieght"}, "/model/weights: There is no column 'wieght' to weigh rows by."),
        ("town", {"weights": "town"}, "/model/weights: 'town' is the target"),
        (
            "town", {"weights": "amount", "config": {"families": ["neighbors"]}},
            "/model/config/families: No family is left to try for a classification. neighbors is left out: it cannot",
        ),
        ("twon", {}, "There is no column 'twon' to predict. Did you mean 'town'?"),
    ],
)  # fmt: skip
def test_what_the_columns_alone_say_is_said_before_any_row_is_read(
    target: str, model: dict[str, object], text: str
) -> None:
    written = {"steps": [split(target)], "model": {"node": "auto", **model}}

    found = [str(problem) for problem in validate_config(written, Schema.from_frame(COLUMNS)).problems]

    assert len(found) == 1
    assert text in found[0]


@pytest.mark.parametrize("metric", ["rmse", "roc_auc", None])
def test_numbers_may_be_classes_or_amounts(metric: str | None) -> None:
    written = {"steps": [split("many")], "model": {"node": "auto", "config": {"metric": metric}}}

    assert validate_config(written, Schema.from_frame(COLUMNS)).valid


def test_columns_of_which_nothing_is_made_leave_nothing_to_learn_from() -> None:
    data = pl.DataFrame({"took": [timedelta(1)], "y": ["a"]})

    found = validate_config({"steps": [split("y")], "model": "auto"}, Schema.from_frame(data)).problems

    assert [(each.pointer, each.code) for each in found] == [("/model", "no-features")]
