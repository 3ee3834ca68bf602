"""Bad data and bad wishes that are known from the columns and the rows of a dataset: refused before a job is queued."""

import numpy as np
import polars as pl
import pytest
from pipeline_street import Street
from skyulf_events import JobQueued

Json = dict[str, object]
ROWS = 60


def data(**columns: object) -> pl.DataFrame:
    plain = {"a": np.sin(np.arange(ROWS)), "y": ["no", "yes"] * (ROWS // 2), "group": list("abc") * (ROWS // 3)}
    return pl.DataFrame({**plain, **columns}, strict=False)


def pipeline(model: object = "logistic_regression", **keys: object) -> Json:
    steps = [
        {"node": "TrainTestSplit", "config": {"target": "y"}},
        {"node": "SelectColumns", "config": {"columns": ["a"]}},
    ]
    return {"steps": steps, "model": model if isinstance(model, dict) else {"node": model}, **keys}


def tuned(**changes: object) -> Json:
    return pipeline(tuning={"n_trials": 2, **changes})


MISSING = data(y=[None, "yes", "no"] * (ROWS // 3))
WEIGHED = {"node": "logistic_regression", "weights": "w"}
GROUPS = {"type": "group_k_fold", "group": "grop"}
LARGE = tuned(
    strategy="grid",
    search_space={"Expression.expressions": [{f"e{n}": "a" + " " * 990 for n in range(size)} for size in (1, 90)]},
)
LARGE["steps"] += [{"node": "Expression", "config": {"expressions": {"e": "a + 1"}}}]
CASES: dict[str, tuple[pl.DataFrame, Json, str, str, str]] = {
    "a target with nulls": (
        MISSING, pipeline(), "/config/steps/0/config/target", "null-target", "or set drop_missing_target.",
    ),
    "a text target of a regression": (
        data(), pipeline("ridge_regression"), "/config/steps/0/config/target", "wrong-type", "Choose a classification",
    ),
    "weights with nulls": (
        data(w=[None, 1.0] * (ROWS // 2)), pipeline(WEIGHED), "/config/model/weights", "missing-weights", "Fill them",
    ),
    "weights that are texts": (
        data(w=["a"] * ROWS), pipeline(WEIGHED), "/config/model/weights", "wrong-type", "numbers of at least 0",
    ),
    "no rows": (data().head(0), pipeline(), "/config", "no-rows", "Upload a version with rows."),
    "fewer rows than folds": (
        data(), tuned(cv={"type": "k_fold", "folds": 80}), "/config/tuning/cv/folds", "too-few-rows",
        "has 60 rows, of which 48 are learned from, for 80 folds. Take more rows, or at most 48 folds.",
    ),
    "fewer rows to learn from than folds": (
        data(), tuned(cv={"type": "k_fold", "folds": 50}), "/config/tuning/cv/folds", "too-few-rows",
        "at most 48 folds.",
    ),
    "fewer rows to learn from than inner folds": (
        data(), tuned(cv={"type": "nested", "inner": {"type": "k_fold", "folds": 50}}),
        "/config/tuning/cv/inner/folds", "too-few-rows", "at most 48 folds.",
    ),
    "a search on more folds than rows": (
        data(), pipeline({"node": "auto", "config": {"budget": 5, "cv": {"type": "k_fold", "folds": 61}}}),
        "/config/model/config/cv/folds", "too-few-rows", "at most 48 folds.",
    ),
    "a first round with no row for a fold": (
        data(), tuned(strategy="halving_random", min_resource=1), "/config/tuning/min_resource", "too-few-rows",
        "Of 1 of 48 rows in the first round, the smallest part of a fold would get 0; 2 are needed. Choose 11 or more",
    ),
    "a last round with too few rows for a fold": (
        data(), tuned(strategy="halving_grid", max_resource=2, search_space={"C": [1, 2]}),
        "/config/tuning/max_resource", "too-few-rows", "in the last round, the smallest part of a fold would get 0",
    ),
    "a first round with too few rows for inner folds": (
        data(), tuned(strategy="halving_random", min_resource=3, cv={"type": "nested"}),
        "/config/tuning/min_resource", "too-few-rows", "Choose 11 or more, or leave it out",
    ),
    "a first round of more rows than there are": (
        data(), tuned(strategy="halving_random", min_resource=49), "/config/tuning/min_resource", "too-few-rows",
        "would have 49 rows, and 48 are learned from. Choose 48 at most, or the strategy random.",
    ),
    "a searched column that is not there": (
        data(), tuned(search_space={"SelectColumns.columns": [["a"], ["a", "grop"]]}),
        "/config/tuning/search_space/SelectColumns.columns/choices/1", "unknown-column", "Did you mean 'group'?",
    ),
    "the target as a searched column": (
        data(), tuned(search_space={"SelectColumns.columns": {"choices": [["a"], ["y"]]}}),
        "/config/tuning/search_space/SelectColumns.columns/choices/1", "target-as-feature", "is the target",
    ),
    "trials that are too large to tell": (
        data(), LARGE, "/config/tuning/search_space/Expression.expressions", "too-large", "65,536 are the most",
    ),
    "trials of too many folds": (
        data(), tuned(cv={"type": "repeated_k_fold", "folds": 5, "repeats": 900}), "/config/tuning/cv/repeats",
        "too-many", "Each trial would have 4,500 folds; 1,000 are the most.",
    ),
    "candidates of too many folds": (
        data(), pipeline({"node": "auto", "config": {"cv": {"type": "repeated_k_fold", "folds": 5, "repeats": 900}}}),
        "/config/model/config/cv/repeats", "too-many", "Each trial would have 4,500 folds; 1,000 are the most.",
    ),
    "seconds in letters": (
        data(), tuned(timeout="60"), "/config/tuning/timeout", "wrong-type", 'a number of seconds, not "60"',
    ),
    "a budget in letters": (
        data(), pipeline({"node": "auto", "config": {"budget": "60"}}), "/config/model/config/budget", "wrong-type",
        'a number of seconds, not "60"',
    ),
    "a budget that is true": (
        data(), pipeline({"node": "auto", "config": {"budget": True}}), "/config/model/config/budget", "wrong-type",
        "a number of seconds, not true",
    ),
    "decisions on more folds than rows": (
        data(), pipeline(validation={"conformal": {}, "cv": {"type": "k_fold", "folds": 80}}),
        "/config/validation/cv/folds", "too-few-rows", "at most 48 folds",
    ),
    "a group that is not there": (
        data(), tuned(cv=GROUPS), "/config/tuning/cv/group", "unknown-column", "Did you mean 'group'?",
    ),
    "a group of a search that is not there": (
        data(), pipeline({"node": "auto", "config": {"budget": 5, "cv": GROUPS}}), "/config/model/config/cv/group",
        "unknown-column", "Did you mean 'group'?",
    ),
    "the target as a group": (
        data(), tuned(cv={**GROUPS, "group": "y"}), "/config/tuning/cv/group", "target-as-group", "another column",
    ),
    "text as time": (
        data(), tuned(cv={"type": "time_series", "by": "group"}), "/config/tuning/cv/by", "wrong-type", "Make a date",
    ),
    "no probabilities to decide by": (
        data(), pipeline("sgd_classifier", validation={"threshold": {}}), "/config/validation/threshold",
        "no-probabilities", "Put it into a calibrated_classifier",
    ),
}  # fmt: skip
WITHOUT_DATA = {
    "no probabilities to decide by", "trials that are too large to tell", "trials of too many folds",
    "candidates of too many folds", "seconds in letters", "a budget in letters", "a budget that is true",
}  # fmt: skip
BY_COLUMNS = [name for name in CASES if name not in WITHOUT_DATA]


@pytest.mark.parametrize("name", CASES)
async def test_a_dataset_that_a_pipeline_cannot_learn_from_is_told_when_it_is_checked(lane: Street, name: str) -> None:
    frame, config, pointer, code, says = CASES[name]
    event = await lane.dataset(frame)

    answer = await lane.caller().post(
        "/api/v1/pipelines/validate", json={"config": config, "dataset_id": str(event.dataset_id)}
    )

    assert answer.status_code == 200, answer.text
    assert [(each["pointer"], each["code"]) for each in answer.json()["problems"]] == [(pointer, code)]
    found = answer.json()["problems"][0]
    assert says in f"{found['message']} {found['suggestion']}"


@pytest.mark.parametrize("name", BY_COLUMNS)
async def test_no_job_is_queued_that_cannot_learn(lane: Street, name: str) -> None:
    frame, config, pointer, code, _ = CASES[name]
    event, client = await lane.dataset(frame), lane.caller()
    created = await client.post("/api/v1/pipelines", json={"name": "p", "config": config})
    assert created.status_code == 201, created.text

    path = f"/api/v1/pipelines/{created.json()['id']}/{'tunings' if 'tuning' in config else 'runs'}"
    refused = await client.post(path, json={"dataset_id": str(event.dataset_id)})

    assert refused.status_code == 422
    assert [(each["pointer"], each["code"]) for each in refused.json()["errors"]] == [(pointer, code)]
    assert await lane.events(JobQueued) == []
