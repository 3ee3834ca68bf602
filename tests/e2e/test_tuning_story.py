"""Tuning flights over HTTP, in both forms: cancelled, resumed, registered, deployed, asked for doubt and reasons."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from harness import flights
from harness.api import PREFIX, Api, Json
from harness.configs import SPLIT
from harness.form import Skyulf
from harness.stream import Reader, Seen
from skyulf_core import Pipeline
from threadpoolctl import threadpool_limits

PATIENT = 240.0
"""Seconds for what takes a few on a machine that has nothing else to do."""
ENDLESS = 5_000
COVERAGE = 0.9
BUDGET = 15.0
TUNING: Json = {
    "strategy": "optuna",
    "n_trials": ENDLESS,
    "metric": "roc_auc",
    "cv": {"type": "stratified_k_fold", "folds": 3},
    "search_space": {
        "learning_rate": {"low": 0.02, "high": 0.5, "log": True},
        "max_leaf_nodes": {"low": 4, "high": 31},
        "SimpleImputer.strategy": ["mean", "median"],
    },
}


def boosted() -> Json:
    """Imputation, codes and few boosted trees; what is answered is decided on folds."""
    return {
        "steps": [
            SPLIT,
            {"node": "SimpleImputer", "config": {"columns": flights.WITH_NULLS}},
            {"node": "OrdinalEncoder", "config": {"columns": flights.CATEGORIES}},
        ],
        "model": {"node": "hist_gradient_boosting_classifier", "config": {"max_iter": 15, "random_state": 0}},
        "validation": {
            "cv": {"type": "k_fold", "folds": 3},
            "calibration": {"method": "sigmoid"},
            "threshold": {"by": "metric", "metric": "f1_macro"},
            "conformal": {"coverage": COVERAGE},
        },
    }


@dataclass
class Study:
    """A tuning that was ended with its best: what the tests of this module look at."""

    skyulf: Skyulf
    api: Api
    dataset: Json
    pipeline: Json
    job: Json
    version: Json
    events: list[Seen]
    asked: pl.DataFrame

    @property
    def rows(self) -> list[Json]:
        return flights.shuffled(self.asked)


@pytest.fixture(scope="module")
def study(skyulf: Skyulf) -> Iterator[Study]:
    """Upload flights, begin a study that would not end, keep the best of it, and deploy that."""
    api = skyulf.project()
    reader = Reader(api)
    reader.start()
    dataset = api.ready_dataset(flights.csv(flights.training(1500)), name="flights")
    body = {"name": "Tuned flights", "config": boosted(), "register_as": "late-tuned"}
    pipeline = api.ok("POST", "/pipelines", json=body)
    job = queued(api, pipeline, dataset)
    until_trials(api, job, 3)
    api.ok("POST", f"/jobs/{job['id']}/cancel", json={"keep_best": True})
    job = api.job(job["id"], seconds=PATIENT)
    assert job["status"] == "succeeded", job
    version = api.version_of(job, seconds=PATIENT)
    assert api.deploy("tuned", "late-tuned", version["version"], seconds=PATIENT)["status"] == "ready"
    events = reader.finish()
    yield Study(skyulf, api, dataset, pipeline, job, version, events, flights.held_out(40))
    api.http.close()


def queued(api: Api, pipeline: Json, dataset: Json, *, tuning: Json | None = None) -> Json:
    body = {"dataset_id": dataset["id"], "tuning": TUNING if tuning is None else tuning}
    return api.patient("POST", f"/pipelines/{pipeline['id']}/tunings", json=body)


def trials(api: Api, job: Json, **query: str) -> list[Json]:
    """All trials of a job, page by page."""
    found: list[Json] = []
    cursor: str | None = None
    while True:
        params = {"limit": 100, **query, **({"cursor": cursor} if cursor else {})}
        page = api.ok("GET", f"/jobs/{job['id']}/trials", params=params)
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def until_trials(api: Api, job: Json, count: int) -> None:
    def enough() -> bool:
        status = api.ok("GET", f"/jobs/{job['id']}")["status"]
        assert status in ("queued", "running"), status
        return len(trials(api, job, state="complete")) >= count

    api.eventually(enough, what=f"{count} trials", seconds=PATIENT)


@pytest.fixture
def library(study: Study, tmp_path: Path) -> Pipeline:
    """The model that was registered, as its bundle has it."""
    return loaded(study.skyulf, study.version, tmp_path / "bundle")


def loaded(skyulf: Skyulf, version: Json, folder: Path) -> Pipeline:
    for name, data in skyulf.objects.bundle(version["digest"]).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return Pipeline.load(folder)


@pytest.mark.timeout(900)
def test_a_study_that_was_ended_keeps_its_best(study: Study) -> None:
    found = trials(study.api, study.job)
    complete = [trial for trial in found if trial["state"] == "complete"]

    assert study.job["kind"] == "tune"
    assert [trial["number"] for trial in found] == list(range(len(found)))
    assert 3 <= len(complete) <= len(found) < ENDLESS
    assert study.job["best"]["score"] == max(trial["score"] for trial in complete)
    assert {trial["state"] for trial in found} <= {"complete", "pruned", "stopped"}
    assert set(complete[0]["params"]) == set(TUNING["search_space"])


@pytest.mark.timeout(900)
def test_progress_names_the_best_so_far(study: Study) -> None:
    of_job = [seen for seen in study.events if seen.data.get("job_id") == study.job["id"]]
    best = [seen.data["best"] for seen in of_job if seen.type == "job.progressed" and seen.data.get("best")]
    scores = {trial["number"]: trial["score"] for trial in trials(study.api, study.job)}

    assert best
    assert all(each["metric"] == "roc_auc" and each["score"] == scores[each["trial"]] for each in best)
    assert [each["score"] for each in best] == sorted(each["score"] for each in best)
    done = next(seen for seen in of_job if seen.type == "job.completed")
    assert (done.data["status"], done.data["best"]) == ("succeeded", study.job["best"])
    assert [seen.number for seen in of_job] == sorted(seen.number for seen in of_job)


@pytest.mark.timeout(900)
def test_the_version_says_how_good_how_sure_and_why(study: Study) -> None:
    metrics, intervals = study.version["metrics"], study.version["intervals"]

    assert metrics == study.job["metrics"]
    assert intervals == study.job["intervals"]
    assert 0.6 < intervals["roc_auc"]["low"] <= metrics["roc_auc"] <= intervals["roc_auc"]["high"] <= 1
    assert intervals["roc_auc"]["confidence"] == 0.95
    assert {"calibration", "threshold", "conformal"} <= set(study.version["decisions"])
    assert study.version["decisions"]["conformal"]["coverage"] == COVERAGE
    important = [each["importance"] for each in study.version["importances"]]
    assert 0 < len(important) <= 20
    assert important == sorted(important, reverse=True)
    assert study.version["importances"][0]["name"] == "dep_delay"
    registered = next(seen.data for seen in study.events if seen.type == "model.registered")
    assert registered["intervals"] == intervals


@pytest.mark.timeout(900)
def test_doubts_are_answered_where_they_are_asked_for(study: Study, library: Pipeline) -> None:
    path = "/deployments/tuned/predict"
    plain = study.api.ok("POST", path, json={"rows": study.rows})
    answer = study.api.ok("POST", path, json={"rows": study.rows, "intervals": True})

    assert answer["predictions"] == plain["predictions"] == library.predict(study.asked).to_list()
    held = pl.DataFrame(library.predict_set(study.asked))
    assert answer["sets"] == [[name for name in held.columns if row[name]] for row in held.iter_rows(named=True)]
    assert answer["coverage"] == COVERAGE
    assert answer.get("intervals") is None
    assert {len(each) for each in answer["sets"]} <= {0, 1, 2}


@pytest.mark.timeout(900)
def test_answers_are_explained(study: Study, library: Pipeline) -> None:
    rows = study.rows[:5]
    answer = study.api.ok("POST", "/deployments/tuned/explain", json={"rows": rows})
    with threadpool_limits(1):
        told = library.explain(study.asked[:5])

    served = answer["explanations"]
    assert (answer["model"], answer["model_version"]) == ("late-tuned", study.version["version"])
    assert len(served) == len(rows)
    for each, row, known in zip(served, rows, told.rows, strict=True):
        named = {part["name"]: part for part in each["contributions"]}
        assert each["base"] + sum(part["amount"] for part in named.values()) == pytest.approx(each["score"], abs=1e-9)
        assert all(part["value"] == row[name] for name, part in named.items())
        assert {name: part["amount"] for name, part in named.items()} == pytest.approx(
            {part.name: part.amount for part in known.contributions}, abs=1e-9
        )
        assert str(each["answer"]) in each["sentence"]
    assert [each["answer"] for each in served] == library.predict(study.asked[:5]).to_list()
    one = study.api.ok("POST", "/deployments/tuned/explain", json={"row": rows[0]})
    assert one["explanations"] == served[:1]


@pytest.mark.timeout(900)
def test_a_cancelled_study_is_resumed_with_no_trial_lost(study: Study) -> None:
    api = study.api
    job = queued(api, study.pipeline, study.dataset)
    until_trials(api, job, 2)
    api.ok("POST", f"/jobs/{job['id']}/cancel")
    ended = api.job(job["id"], seconds=PATIENT)
    assert (ended["status"], ended["digest"]) == ("cancelled", None)
    before = [trial for trial in trials(api, job) if trial["state"] in ("complete", "pruned")]
    assert len(before) >= 2

    wanted = len(before) + 2
    api.ok("POST", f"/jobs/{job['id']}/retry", json={"n_trials": wanted})
    ended = api.job(job["id"], seconds=PATIENT)
    after = trials(api, job)

    assert (ended["status"], ended["attempt"]) == ("succeeded", 2), ended
    assert [trial for trial in after if trial["number"] < len(before)] == before
    assert len(after) == wanted
    assert ended["best"]["score"] == max(trial["score"] for trial in after if trial["state"] == "complete")
    assert api.version_of(ended, seconds=PATIENT)["metrics"] == ended["metrics"]


@pytest.mark.timeout(900)
def test_numbers_are_answered_with_intervals(study: Study, tmp_path: Path) -> None:
    """How long a flight takes, from how far it goes; who has learned no intervals is told so."""
    api, distance = study.api, {"node": "SelectColumns", "config": {"columns": ["distance", "month", "hour"]}}
    known = flights.training(600).filter(pl.col("air_time").is_not_null())
    dataset = api.ready_dataset(flights.csv(known), name="known flights")
    split = {"node": "TrainTestSplit", "config": {"target": "air_time", "random_state": 1}}
    config: Json = {"steps": [split, distance], "model": {"node": "ridge_regression"}}
    for name, further in (("sure", {"validation": {"conformal": {"coverage": COVERAGE}}}), ("plain", {})):
        version = api.train({**config, **further}, dataset["id"], register_as=name)
        assert api.deploy(name, name, version["version"], seconds=PATIENT)["status"] == "ready"
    rows = [{"distance": 1400, "month": 6, "hour": 9}, {"distance": 200, "month": 1, "hour": 18}]

    answer = api.ok("POST", "/deployments/sure/predict", json={"rows": rows, "intervals": True})
    refused = api.call("POST", "/deployments/plain/predict", json={"rows": rows, "intervals": True})

    library = loaded(study.skyulf, api.versions("sure")[0], tmp_path / "sure")
    np.testing.assert_allclose(
        answer["intervals"], pl.DataFrame(library.predict_interval(pl.DataFrame(rows))).to_numpy(), rtol=0, atol=1e-9
    )
    for (low, high), predicted in zip(answer["intervals"], answer["predictions"], strict=True):
        assert low < predicted < high
    assert (answer["coverage"], answer.get("sets")) == (COVERAGE, None)
    assert refused.status_code == 422
    assert "interval" in refused.json()["detail"]


@pytest.mark.timeout(900)
def test_the_best_is_found_within_a_budget_and_reported(study: Study) -> None:
    api = study.api
    config = {"steps": [SPLIT], "model": {"node": "auto", "config": {"budget": 60}}}
    pipeline = api.ok("POST", "/pipelines", json={"name": "Auto", "config": config, "register_as": "late-auto"})
    job = queued(api, pipeline, study.dataset, tuning={"budget": BUDGET})
    ended = api.job(job["id"], seconds=PATIENT)
    assert (ended["kind"], ended["status"]) == ("automl", "succeeded"), ended

    report = api.ok("GET", f"/jobs/{job['id']}/report", params={"format": "json"})
    board = report["leaderboard"]
    found = trials(api, job)
    assert board["seconds"] <= 1.1 * board["budget"]
    assert board["budget"] < BUDGET  # the rest is kept for the report
    assert sum(trial["seconds"] for trial in found) <= 1.1 * BUDGET
    assert len({trial["params"]["family"] for trial in found}) > 1
    assert ended["best"]["trial"] == board["trials"][0]["trial"]
    assert ended["metrics"]["roc_auc"] > 0.7
    assert api.deploy("auto", "late-auto", api.version_of(ended, seconds=PATIENT)["version"])["status"] == "ready"
    assert len(api.predict("auto", study.rows)["predictions"]) == len(study.rows)


@pytest.mark.timeout(900)
def test_a_report_can_be_opened_and_does_nothing(study: Study) -> None:
    path = f"{PREFIX}/jobs/{study.job['id']}/report"
    page = study.api.http.get(path)
    card = study.api.http.get(path, params={"format": "markdown"})

    assert page.status_code == card.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert "sandbox" in policy
    assert "allow-scripts" not in policy
    assert "Predicting outcome" in page.text
    assert "<script" not in page.text
    assert "://" not in page.text.replace("http://www.w3.org/", "")
    assert card.headers["content-type"].startswith("text/markdown")
    assert "Predicts **outcome** (classification)" in card.text
