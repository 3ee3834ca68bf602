"""AutoML as a job: a pipeline whose model is `auto`, searched within its budget, with trials as they end."""

import json
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from pipeline_street import Street, open_street, penguins, penguins_config
from pipeline_studies import Json, end_with_the_best, fetch_bundle, trials, until_trials
from skyulf_core.bundle import verify
from skyulf_events import JobCompleted, JobProgressed, JobQueued
from skyulf_pipeline.domain.configs import capped
from skyulf_pipeline.main import child_environment
from skyulf_service.objects.blobs import BlobRef, Blobs
from skyulf_service.work.spawned import scrubbed_environment

CHEAP = ["linear", "decision_tree"]
BUDGET = 15
"""Seconds in which each cheap family is tried on a slow machine too."""


def automatic(target: str = "sex", *, steps: list[Json] | None = None, **auto: object) -> Json:
    """A pipeline that searches for its model."""
    split = {"node": "TrainTestSplit", "config": {"target": target, "drop_missing_target": True, "random_state": 7}}
    told = {"budget": BUDGET, "families": CHEAP, "metric": "roc_auc", **auto}
    return {"steps": [split, *(steps or [])], "model": {"node": "auto", "config": told}}


async def made(street: Street, config: Json, frame: pl.DataFrame | None = None) -> tuple[str, Json]:
    """Make a pipeline and a dataset; return where jobs are queued, and the body that names the data."""
    created = await street.caller().post("/api/v1/pipelines", json={"name": "Penguins", "config": config})
    assert created.status_code == 201, created.text
    event = await street.dataset(penguins() if frame is None else frame)
    return f"/api/v1/pipelines/{created.json()['id']}", {"dataset_id": str(event.dataset_id)}


async def searched(street: Street, config: Json, tuning: Json | None = None, *, code: int = 202) -> Json:
    """Queue a search."""
    path, body = await made(street, config)
    told = {} if tuning is None else {"tuning": tuning}
    answer = await street.caller().post(f"{path}/tunings", json={**body, **told})
    assert answer.status_code == code, answer.text
    found: Json = answer.json()
    return found


async def lines(street: Street, job_id: object) -> list[str]:
    """The log of a job."""
    answer = await street.caller().get(f"/api/v1/jobs/{job_id}/logs", params={"limit": 100})
    return [line["message"] for line in answer.json()["items"]]


async def test_a_search_tells_its_trials_and_registers_an_ordinary_model(street: Street, tmp_path: Path) -> None:
    job = await searched(street, automatic())
    assert (job["kind"], job["status"], job["best"]) == ("automl", "queued", None)
    assert job["tuning"] == {"budget": BUDGET, "families": CHEAP, "metric": "roc_auc"}
    async with street.working():
        job = await street.until(job["id"], "succeeded", "failed")

    assert job["status"] == "succeeded", job
    found = await trials(street, job["id"])
    assert {trial["params"]["family"] for trial in found} >= set(CHEAP)
    assert {trial["state"] for trial in found} <= {"complete", "pruned", "failed", "stopped"}
    best = next(trial for trial in found if trial["number"] == job["best"]["trial"])
    assert job["best"] == {"trial": best["number"], "metric": "roc_auc", "score": best["score"]}
    assert job["metrics"]["accuracy"] > 0.7
    assert job["estimator"] in ("logistic_regression", "decision_tree_classifier", "stacking_classifier")
    (done,) = await street.events(JobCompleted)
    assert isinstance(done, JobCompleted)
    assert (done.kind, done.status, done.best and done.best.metric) == ("train", "succeeded", "roc_auc")

    await fetch_bundle(street, done, tmp_path / "copy")
    assert verify(tmp_path / "copy").rows > 0
    assert (await street.caller().get(f"/api/v1/jobs/{job['id']}/evaluation")).json()["metrics"] == job["metrics"]

    said = "\n".join(await lines(street, job["id"]))
    for text in (
        f" of {BUDGET} seconds, the final training included, by roc_auc.",
        "Best so far: ", "candidates were tried: ", "Chosen and trained on all training rows: ", "is taken for classes",
    ):  # fmt: skip
        assert text in said
    assert said.count("Step: search") == 1


async def test_a_run_of_such_a_pipeline_is_the_same_search(lane: Street) -> None:
    path, body = await made(lane, automatic())
    run = await lane.caller().post(f"{path}/runs", json=body)
    tuning = await lane.caller().post(f"{path}/tunings", json={**body, "tuning": {"budget": 9, "metric": "log_loss"}})

    assert (run.json()["kind"], run.json()["tuning"]["budget"]) == ("automl", BUDGET)
    assert tuning.json()["tuning"] == {"budget": 9, "families": CHEAP, "metric": "log_loss"}
    listed = await lane.caller().get("/api/v1/jobs", params={"kind": "automl"})
    assert len(listed.json()["items"]) == 2
    assert [event.kind for event in await lane.events(JobQueued) if isinstance(event, JobQueued)] == ["train", "train"]


async def test_the_short_form_searches_for_a_minute(lane: Street) -> None:
    job = await searched(lane, {**automatic(), "model": "auto"})

    assert (job["kind"], job["tuning"]) == ("automl", {"budget": 60.0})


@pytest.mark.parametrize(
    ("tuning", "pointer", "code"),
    [
        ({"budget": 0}, "/tuning/budget", "invalid-value"),
        ({"budget": -1}, "/tuning/budget", "invalid-value"),
        ({"metric": "acuracy"}, "/tuning/metric", "unknown-metric"),
        ({"metric": "rmse"}, "/tuning/metric", "unknown-metric"),
        ({"task": "regression", "metric": "r2"}, "/tuning/task", "wrong-task"),
        ({"n_trials": 20}, "/tuning/n_trials", "unknown-param"),
        ({"families": ["lightgmb"]}, "/tuning/families/0", "unknown-family"),
        ({"a/b": 1}, "/tuning/a~1b", "unknown-param"),
    ],
)
async def test_what_cannot_work_is_refused_before_anything_runs(
    lane: Street, tuning: Json, pointer: str, code: str
) -> None:
    problem = await searched(lane, automatic(), tuning, code=422)

    assert [(each["pointer"], each["code"]) for each in problem["errors"]] == [(pointer, code)]
    assert await lane.events(JobQueued) == []


async def test_what_the_pipeline_itself_says_is_named_where_it_stands(lane: Street) -> None:
    client = lane.caller()
    refused = await client.post("/api/v1/pipelines", json={"name": "p", "config": automatic(budget=0)})
    path, body = await made(lane, automatic(metric="rmse"))
    unfit = await client.post(f"{path}/tunings", json={**body, "tuning": {"budget": 5}})

    assert [each["pointer"] for each in refused.json()["errors"]] == ["/config/model/config/budget"]
    assert (unfit.status_code, [each["pointer"] for each in unfit.json()["errors"]]) == (
        422, ["/config/model/config/metric"],
    )  # fmt: skip


async def test_columns_that_do_not_fit_are_refused_when_it_is_queued(lane: Street) -> None:
    path, body = await made(lane, automatic("sexx"))
    answer = await lane.caller().post(f"{path}/runs", json=body)
    path, body = await made(lane, {**automatic(), "model": {"node": "auto", "weights": "wieght"}})
    weights = await lane.caller().post(f"{path}/runs", json=body)

    assert [each["pointer"] for each in answer.json()["errors"]] == ["/config/steps/0/config/target"]
    assert [each["pointer"] for each in weights.json()["errors"]] == ["/config/model/weights"]


async def test_a_search_that_shall_keep_its_best_ends_at_once_and_trains_it(street: Street) -> None:
    job = await searched(street, automatic(budget=600))
    async with street.working():
        await until_trials(street, job["id"], 3)
        await end_with_the_best(street, job["id"])
        began = time.monotonic()
        job = await street.until(job["id"], "succeeded", "failed", "cancelled", seconds=90)

    assert job["status"] == "succeeded", job
    assert time.monotonic() - began < 60
    complete = await trials(street, job["id"], state="complete")
    assert job["best"]["trial"] in [trial["number"] for trial in complete]
    assert [event.status for event in await street.events(JobCompleted)] == ["succeeded"]
    assert any("somebody asked for the end" in line for line in await lines(street, job["id"]))


async def test_who_keeps_the_best_of_nothing_gets_the_first_candidate(lane: Street) -> None:
    job = await searched(lane, automatic(budget=600))
    async with lane.working():
        await lane.until(job["id"], "running")
        await lane.caller().post(f"/api/v1/jobs/{job['id']}/cancel", json={"keep_best": True})
        job = await lane.until(job["id"], "succeeded", "failed", "cancelled")

    assert job["status"] == "succeeded", job
    assert job["best"] is not None


async def test_a_cancelled_search_begins_anew_when_it_is_tried_again(street: Street) -> None:
    job = await searched(street, automatic(budget=600))
    async with street.working():
        await until_trials(street, job["id"], 2)
        await street.caller().post(f"/api/v1/jobs/{job['id']}/cancel")
        job = await street.until(job["id"], "cancelled", "succeeded", seconds=20)
        assert job["status"] == "cancelled"
        assert await trials(street, job["id"], state="running") == []
        more = await street.caller().post(f"/api/v1/jobs/{job['id']}/retry", json={"n_trials": 9})
        assert (more.status_code, more.json()["type"]) == (409, "/problems/not-a-tuning")
        assert "budget" in more.json()["detail"]

        again = await street.caller().post(f"/api/v1/jobs/{job['id']}/retry")
        assert (again.status_code, again.json()["best"]) == (202, None), again.text
        await until_trials(street, job["id"], 2)
        assert "Attempt 2 started. The search begins anew." in await lines(street, job["id"])
        assert len({trial["number"] for trial in await trials(street, job["id"])}) >= 2
        await street.caller().post(f"/api/v1/jobs/{job['id']}/cancel", json={"keep_best": True})
        job = await street.until(job["id"], "succeeded", "failed", seconds=90)

    assert job["status"] == "succeeded", job
    assert job["attempt"] >= 2


async def test_nothing_continues_a_search(lane: Street) -> None:
    path, body = await made(lane, automatic())
    first = (await lane.caller().post(f"{path}/tunings", json=body)).json()
    refused = await lane.caller().post(f"{path}/tunings", json={**body, "continues": first["id"]})

    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/other-study")
    assert "anew" in refused.json()["detail"]


async def test_a_search_longer_than_a_job_may_take_is_cut(sqlite_url: str, tmp_path: Path) -> None:
    async with open_street(sqlite_url, tmp_path / "home", job_deadline=timedelta(seconds=40)) as street:
        job = await searched(street, automatic(budget=86_400, stack=False))
        async with street.working():
            job = await street.until(job["id"], "succeeded", "failed", seconds=90)

        assert job["status"] == "succeeded", job
        assert any("is longer than a job may take here" in line for line in await lines(street, job["id"]))


async def test_the_best_so_far_is_announced(lane: Street) -> None:
    job = await searched(lane, automatic(budget=10))
    async with lane.working():
        job = await lane.until(job["id"], "succeeded", "failed", seconds=90)

    assert job["status"] == "succeeded", job
    told = [event.best for event in await lane.events(JobProgressed) if isinstance(event, JobProgressed)]
    assert any(best is not None and best.metric == "roc_auc" for best in told)


async def test_a_search_in_which_nothing_can_be_learned_says_why(lane: Street) -> None:
    frame = penguins().with_columns(sex=pl.lit("male"))
    path, body = await made(lane, automatic(), frame)
    job = (await lane.caller().post(f"{path}/runs", json=body)).json()
    async with lane.working():
        job = await lane.until(job["id"], "failed", "succeeded")

    assert job["status"] == "failed"
    assert "the same value in every row" in job["error"]["message"]


def test_a_pipeline_asks_for_no_more_threads_than_a_job_may_have() -> None:
    config: Json = {
        "steps": [{"node": "a", "config": {"n_jobs": -1, "flags": [{"n_jobs": 64}, {"n_jobs": True}]}}],
        "model": {"node": "m", "config": {"n_jobs": 2, "estimators": [{"config": {"n_jobs": 0}}]}},
        "tuning": {"n_jobs": -1},
    }

    assert capped(config, 3) == {
        "steps": [{"node": "a", "config": {"n_jobs": 3, "flags": [{"n_jobs": 3}, {"n_jobs": True}]}}],
        "model": {"node": "m", "config": {"n_jobs": 2, "estimators": [{"config": {"n_jobs": 0}}]}},
        "tuning": {"n_jobs": 3},
    }


def test_libraries_in_a_child_start_no_more_threads_than_a_job_may_have() -> None:
    program = "import joblib, polars; print(joblib.cpu_count(), joblib.effective_n_jobs(-1), polars.thread_pool_size())"
    environment = scrubbed_environment(child_environment(1))

    said = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True, text=True)

    assert said.stdout.split() == ["1", "1", "1"]


async def test_a_model_that_asks_for_all_cores_gets_those_of_a_job(sqlite_url: str, tmp_path: Path) -> None:
    forest = {"node": "random_forest_classifier", "config": {"n_estimators": 5, "n_jobs": -1}}
    config = {**penguins_config(), "model": forest}
    async with open_street(sqlite_url, tmp_path / "home", job_threads=2) as street:
        job = await street.queued(config=config)
        async with street.working():
            job = await street.until(job["id"], "succeeded", "failed")

        assert job["status"] == "succeeded", job
        (done,) = await street.events(JobCompleted)
        assert isinstance(done, JobCompleted)
        assert done.artifact is not None
        store = street.parts.objects("skyulf-pipeline")
        files = json.loads(await store.get_bytes(done.artifact.key))["manifest"]["files"]
        graph = next(each for each in files if each["path"] == "graph.json")
        written = await Blobs(store).get_bytes(BlobRef.of(graph["sha256"], graph["size"]))

    assert json.loads(written)["config"]["model"]["config"]["n_jobs"] == 2
