"""Wishes that these rows cannot meet: folds, metrics, search spaces, budgets and decisions."""

from __future__ import annotations

import numpy as np
import pytest
from judging_ways import (
    LABELS,
    NOT_FIT,
    ROWS,
    THREE,
    WAYS,
    Config,
    Frame,
    config,
    data,
    decided,
    fit,
    judged,
    refusal,
    searched,
    tuned,
)  # fmt: skip

GROUPS, NO_GROUP = {"type": "group_k_fold", "group": "group"}, {"type": "group_k_fold", "group": "grop"}
TIME, BY_TEXT = {"type": "time_series"}, {"type": "time_series", "by": "day"}
FOLDS: dict[str, tuple[Config, Frame, str]] = {
    "groups fewer than folds": (
        GROUPS, data(), "column 'group' has 4 groups for 5 folds; choose at most 4 folds, or another group",
    ),
    "groups with classes": (
        {"type": "stratified_group_k_fold", "group": "group"}, data(), "column 'group' has 4 groups for 5 folds",
    ),
    "one group": (GROUPS, data(group=["x"] * ROWS), "all training rows are of one group in 'group'; group by another"),
    "a group that is not there": (NO_GROUP, data(), "group_k_fold finds no column 'grop' in the data. Did you mean"),
    "groups with nulls": (GROUPS, data(group=[None, 1] * (ROWS // 2)), "nobody can say which fold they belong to"),
    "rows that are not in order of time": (
        TIME, data(), "the splitter shuffles them; name the column of time in `by`, or split by TimeSplit",
    ),
    "time that is text": (BY_TEXT, data(day=["monday"] * ROWS), "ake a date of it before"),
    "one moment": (
        {**TIME, "by": "moment"}, data(moment=[1] * ROWS),
        "no row of an earlier moment to learn from; choose fewer folds, or a column with more different moments",
    ),
    "more folds than rows": ({"type": "k_fold", "folds": 500}, data(), "96 training rows for 500 folds; take more"),
    "nothing to learn from": (
        {"type": "shuffle_split", "test_size": 0.999}, data(), "does not leave a row on both sides; hold out another",
    ),
    "one fold": ({"type": "k_fold", "folds": 1}, data(), "cv/folds: Input should be greater than or equal to 2."),
    "no mode": ({"folds": 5}, data(), "cv/type: The type is missing. There are: k_fold, "),
}  # fmt: skip
WITHOUT_DAYS = config()
WITHOUT_DAYS["steps"] = [*WITHOUT_DAYS["steps"], {"node": "SelectColumns", "config": {"columns": ["a", "b"]}}]  # type: ignore[misc]


@pytest.mark.parametrize("way", NOT_FIT)
@pytest.mark.parametrize("name", FOLDS)
def test_folds_that_these_rows_cannot_make(name, way):
    cv, frame, says = FOLDS[name]

    if way == "cross_validate":
        said = refusal(judged, frame, WITHOUT_DAYS, cv)
    else:
        said = refusal(WAYS[way], frame, WITHOUT_DAYS, cv=cv, **({"conformal": {}} if way == "validation" else {}))

    assert says in said


METRICS: dict[str, tuple[object, Frame, Config, str]] = {
    "of another task": ("rmse", data(), config(), "The metric 'rmse' is one of a regression, not of a classification."),
    "of classes": ("f1", data(), config(model="ridge_regression"), "'f1' is one of a classification, not of a"),
    "misspelt": ("rocauc", data(), config(), "Did you mean 'roc_auc'?"),
    "empty": ("", data(), config(), "There is no metric ''"),
    "of two classes": (
        "f1", THREE, config(), "'f1' needs two classes; with 3 choose f1_macro, f1_weighted or f1@<class>.",
    ),
    "of a class that is not there": ("recall@maybe", data(y=LABELS), config(), "'recall@maybe' names no class."),
    "of clusters": ("silhouette", data(), config(), "There is no metric 'silhouette'"),
    "no text": (5, data(), config(), ""),
}  # fmt: skip


@pytest.mark.parametrize("way", ["tune", "auto", "cross_validate"])
@pytest.mark.parametrize("name", METRICS)
def test_metrics_that_do_not_fit(name, way):
    metric, frame, wanted, says = METRICS[name]

    if way == "cross_validate":
        said = refusal(judged, frame, wanted, {"type": "k_fold"}, [metric])
    else:
        said = refusal(WAYS[way], frame, wanted, metric=metric)

    assert says in said
    assert {"tune": "/tuning/metric", "auto": "/model/config/metric", "cross_validate": "/metrics"}[way] in said


def test_metrics_are_a_list():
    assert "Metrics are a list of names, as ['accuracy'], not 'accuracy' alone." in refusal(
        judged, data(), config(), {"type": "k_fold"}, "accuracy"
    )


@pytest.mark.parametrize(
    ("space", "says"),
    [
        ({"CC": {"low": 1, "high": 2}}, "logistic_regression has no parameter 'CC' ('CC'). Did you mean 'C'?"),
        ({"C": {"low": 2, "high": 1}}, "The range from 2 to 1 is empty. low must be smaller than high."),
        ({"C": {"low": 1, "high": 1}}, "The range holds 1 only."),
        ({"C": []}, "There is nothing to choose from. Name one or more."),
        ({}, "The search space is empty. Name a parameter."),
        ({"C": {"low": 0, "high": 1, "log": True}}, "A logarithmic range begins above 0."),
        ({"C": {"low": -1, "high": 1}}, "'C' cannot be -1"),
        ({"C": {"low": 1, "high": float("inf")}}, "high must be a finite number"),
        ({"C": ["much"]}, "'C' cannot be 'much'"),
        ({"imputer.strategy": ["mean"]}, "There is no node 'imputer'."),
        ({"TrainTestSplit.test_size": [0.1]}, "chooses the rows that trials are judged on"),
    ],
)
def test_search_spaces_that_hold_nothing(space, says):
    said = refusal(tuned, data(), config(), search_space=space)

    assert says in said
    assert said.count("/tuning") == 1


@pytest.mark.parametrize("budget", [0, -1, 0.2, float("nan"), float("inf"), "a minute", None])
def test_budgets_in_which_nothing_can_be_tried(budget):
    assert "A budget of" in refusal(searched, data(), config(), budget=budget)


@pytest.mark.parametrize("key", ["n_trials", "timeout"])
@pytest.mark.parametrize("budget", [0, -3])
def test_studies_without_a_budget(key, budget):
    assert f"A budget of {budget} leaves nothing to try." in refusal(tuned, data(), config(), **{key: budget})


MANY = data(10_100, y=np.arange(10_100) % 101)
DECISIONS: dict[str, tuple[Frame, Config, Config, str]] = {
    "f1 of three classes": (THREE, config(), {"threshold": {"metric": "f1"}}, "'f1' needs two classes; with 3 choose"),
    "a class that is not there": (
        data(), config(), {"threshold": {"metric": "recall@9"}}, "'recall@9' names no class. There are: 0, 1.",
    ),
    "recall of three classes": (
        THREE, config(), {"threshold": {"by": "recall", "at_least": 0.9}}, "needs two classes, not 3; choose by metric",
    ),
    "costs of other classes": (
        THREE, config(), {"threshold": {"by": "cost", "costs": [[0, 1], [1, 0]]}},
        "costs are a row of 3 numbers for each of 3 classes",
    ),
    "101 classes": (MANY, config(), {"threshold": {}}, "thresholds are for at most 100 classes, not 101"),
    "no validation rows": (data(), config(), {"on": "validation", "threshold": {}}, "set its validation_size"),
    "few rows for intervals": (
        data(30), config(model="ridge_regression"), {"conformal": {"coverage": 0.99}},
        "a coverage of 0.99 needs at least 99 rows that were not learned from, not 24; take more rows, or promise",
    ),
    "few rows for intervals on both sides": (
        data(20), config(model="ridge_regression"), {"conformal": {"method": "signed"}}, "at least 19 rows",
    ),
    "few validation rows": (
        data(40), config(split={"validation_size": 0.1, "stratify": True}), {"calibration": {}},
        "calibration needs at least 10 rows that were not learned from, not 4; take more rows",
    ),
    "no probabilities": (
        data(), config(model="sgd_classifier"), {"conformal": {}}, "Put it into a calibrated_classifier",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DECISIONS)
def test_decisions_that_these_rows_cannot_give(name):
    frame, wanted, validation, says = DECISIONS[name]

    assert says in refusal(decided, frame, wanted, **validation)


@pytest.mark.parametrize("name", ["f1 of three classes", "few rows for intervals"])
def test_decisions_are_looked_at_before_a_search(name):
    frame, wanted, validation, says = DECISIONS[name]
    tuning = {"n_trials": 2, "cv": {"type": "k_fold", "folds": 2}}

    assert says in refusal(fit, frame, {**wanted, "tuning": tuning, "validation": validation})
