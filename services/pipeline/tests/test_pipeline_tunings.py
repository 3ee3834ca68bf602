"""Tunings as jobs: every trial is kept, a study is ended with its best, taken up again, and moved between runners."""

import asyncio
import json
from pathlib import Path
from uuid import UUID

import polars as pl
import pytest
from pipeline_street import Street, penguins, penguins_config
from pipeline_studies import Json, end_with_the_best, fetch_bundle, trials, tuned, tuning, until_trials
from skyulf_core.bundle import verify
from skyulf_core.tuning import tune
from skyulf_events import JobCompleted, JobProgressed, JobQueued
from skyulf_pipeline.domain.trials import TrialState, TrialTold
from skyulf_service.scope import Scope


def comparable(found: list[Json]) -> list[object]:
    return [(trial["number"], trial["params"], trial["state"], trial["score"]) for trial in found]


def by_hand(wanted: Json) -> list[object]:
    """What the library finds of the same study."""
    config = {**penguins_config(max_iter=5), "tuning": wanted}
    return comparable([trial.to_dict() for trial in tune(config, penguins()).trials])


async def test_a_tuning_keeps_its_trials_and_trains_the_best(street: Street, tmp_path: Path) -> None:
    job = await tuned(street, tuning())
    assert (job["kind"], job["status"], job["best"]) == ("tune", "queued", None)
    async with street.working():
        job = await street.until(job["id"], "succeeded", "failed")

    assert job["status"] == "succeeded", job
    found = await trials(street, job["id"])
    assert comparable(found) == by_hand(tuning())
    assert all(len(trial["folds"]) == 3 for trial in found)
    best = max(found, key=lambda trial: trial["score"])
    assert job["best"] == {"trial": best["number"], "metric": "roc_auc", "score": best["score"]}
    assert job["metrics"]["accuracy"] > 0.5
    (done,) = await street.events(JobCompleted)
    assert isinstance(done, JobCompleted)
    assert done.best is not None
    assert (done.status, done.best.trial) == ("succeeded", best["number"])
    assert done.artifact is not None

    await fetch_bundle(street, done, tmp_path / "copy")
    assert verify(tmp_path / "copy").rows > 0
    evaluation = (await street.caller().get(f"/api/v1/jobs/{job['id']}/evaluation")).json()
    assert evaluation["metrics"] == job["metrics"]


async def test_a_tuning_is_queued_once_for_one_key(street: Street) -> None:
    client = street.caller()
    pipeline = (await client.post("/api/v1/pipelines", json={"name": "p", "config": penguins_config()})).json()
    event = await street.dataset(penguins())
    path = f"/api/v1/pipelines/{pipeline['id']}/tunings"
    body = {"dataset_id": str(event.dataset_id), "tuning": tuning(), "priority": 3}
    answers = [await client.post(path, json=body, headers={"Idempotency-Key": "tune-1"}) for _ in range(3)]

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert answers[0].json()["tuning"] == tuning()
    assert len(await street.events(JobQueued)) == 1
    kinds = [(await client.get("/api/v1/jobs", params={"kind": kind})).json()["items"] for kind in ("tune", "train")]
    assert [len(items) for items in kinds] == [1, 0]


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"storage": "/tmp/study.db"}, "/tuning/storage", "storage-refused"),
        ({"n_trials": 0}, "/tuning/n_trials", "empty-budget"),
        ({"n_trials": 20_000}, "/tuning/n_trials", "too-many"),
        ({"search_space": {"lerning_rate": [0.1]}}, "/tuning/search_space/lerning_rate", "unknown-param"),
        ({"metric": "r2"}, "/tuning/metric", "unknown-metric"),
        ({"strategi": "grid"}, "/tuning/strategi", "unknown-key"),
    ],
)
async def test_problems_of_a_tuning_are_refused_before_anything_runs(
    lane: Street, changes: Json, pointer: str, code: str
) -> None:
    problem = await tuned(lane, tuning(**changes), code=422)

    assert problem["type"] == "/problems/invalid-pipeline"
    assert [(each["pointer"], each["code"]) for each in problem["errors"]] == [(pointer, code)]
    assert await lane.events(JobQueued) == []


async def test_without_a_tuning_the_pipeline_s_own_is_taken(lane: Street) -> None:
    refused = await tuned(lane, None, code=422)
    assert refused["errors"][0]["pointer"] == "/tuning"

    job = await tuned(lane, None, config={**penguins_config(), "tuning": tuning()})
    assert job["tuning"] == tuning()


async def test_a_pipeline_names_no_storage(lane: Street) -> None:
    config = {**penguins_config(), "tuning": tuning(storage="study.db")}
    answer = await lane.caller().post("/api/v1/pipelines", json={"name": "p", "config": config})

    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json()["errors"]] == ["/config/tuning/storage"]


async def test_a_tuning_that_shall_keep_its_best_succeeds_with_it(street: Street) -> None:
    job = await tuned(street, tuning(n_trials=5_000))
    async with street.working():
        await until_trials(street, job["id"], 2)
        await end_with_the_best(street, job["id"])
        job = await street.until(job["id"], "succeeded", "failed", "cancelled", seconds=240)

    assert job["status"] == "succeeded", job
    found = await trials(street, job["id"])
    complete = [trial for trial in found if trial["state"] == "complete"]
    assert 2 <= len(complete) < 5_000
    assert job["best"]["score"] == max(trial["score"] for trial in complete)
    assert [event.status for event in await street.events(JobCompleted)] == ["succeeded"]
    progress = [event for event in await street.events(JobProgressed) if isinstance(event, JobProgressed)]
    assert all(event.kind == "train" for event in progress)


async def test_a_cancelled_tuning_goes_on_with_the_trials_it_has(street: Street) -> None:
    job = await tuned(street, tuning(n_trials=5_000))
    async with street.working():
        await until_trials(street, job["id"], 3)
        await street.caller().post(f"/api/v1/jobs/{job['id']}/cancel")
        job = await street.until(job["id"], "cancelled", "succeeded", seconds=240)
        assert job["status"] == "cancelled"
        assert await trials(street, job["id"], state="running") == []
        before = await trials(street, job["id"], state="complete")

        wanted = len(before) + 3
        again = await street.caller().post(f"/api/v1/jobs/{job['id']}/retry", json={"n_trials": wanted})
        assert (again.status_code, again.json()["tuning"]["n_trials"]) == (202, wanted), again.text
        job = await street.until(job["id"], "succeeded", "failed", seconds=240)

    assert job["status"] == "succeeded", job
    assert job["attempt"] >= 2  # on a busy machine a lease may be lost on the way
    after = await trials(street, job["id"])
    assert after[: len(before)] == before  # not even their times have changed: none was run again
    assert comparable(after) == by_hand(tuning(n_trials=wanted))


async def test_a_tuning_that_succeeded_is_continued_with_more_trials(street: Street) -> None:
    first = await tuned(street, tuning(n_trials=3))
    path = f"/api/v1/pipelines/{first['pipeline_id']}/tunings"
    async with street.working():
        first = await street.until(first["id"], "succeeded", "failed")
        before = await trials(street, first["id"])
        body = {"dataset_id": first["dataset_id"], "continues": first["id"], "tuning": {"n_trials": 5}}
        answer = await street.caller().post(path, json=body)
        assert answer.status_code == 202, answer.text
        second = answer.json()
        assert (second["best"], second["tuning"]) == (first["best"], tuning(n_trials=5))
        second = await street.until(second["id"], "succeeded", "failed")

    assert second["status"] == "succeeded", second
    after = await trials(street, second["id"])
    assert after[:3] == before
    assert comparable(after) == by_hand(tuning(n_trials=5))
    assert await trials(street, first["id"]) == before

    other = {**body, "tuning": {"n_trials": 5, "metric": "accuracy"}}
    refused = await street.caller().post(path, json=other)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/other-study")
    assert "searches" in refused.json()["detail"]
    trained = await street.queued()
    refused = await street.caller().post(path, json={**body, "continues": trained["id"]})
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/not-a-tuning")


async def test_a_nested_study_keeps_the_trials_of_its_outer_folds_too(lane: Street) -> None:
    folds = {"type": "k_fold", "folds": 2}
    job = await tuned(lane, tuning(n_trials=2, cv={"type": "nested", "outer": folds, "inner": folds}))
    async with lane.working():
        job = await lane.until(job["id"], "succeeded", "failed")

    assert job["status"] == "succeeded", job
    found = [(trial["part"], trial["number"]) for trial in await trials(lane, job["id"])]
    assert found == [(part, number) for part in ("", "outer-0", "outer-1") for number in (0, 1)]


async def test_who_keeps_the_best_of_nothing_cancels(lane: Street) -> None:
    # the first trial still has folds before it when its end is asked for, also on a machine that pauses meanwhile
    folds = {"type": "k_fold", "folds": 20}
    config = penguins_config(max_iter=400, early_stopping=False)
    job = await tuned(lane, tuning(cv=folds), config=config)
    async with lane.working():
        async with asyncio.timeout(240):
            while not await trials(lane, job["id"], state="running"):
                await asyncio.sleep(0.05)
        await lane.caller().post(f"/api/v1/jobs/{job['id']}/cancel", json={"keep_best": True})
        job = await lane.until(job["id"], "succeeded", "failed", "cancelled", seconds=240)

    assert job["status"] == "cancelled", job
    assert [trial["state"] for trial in await trials(lane, job["id"])] == ["stopped"]


async def test_a_queued_tuning_without_a_trial_is_cancelled_at_once(lane: Street) -> None:
    job = await tuned(lane, tuning())
    answer = await lane.caller().post(f"/api/v1/jobs/{job['id']}/cancel", json={"keep_best": True})

    assert answer.json()["status"] == "cancelled"


async def test_what_cannot_be_asked_of_a_job_is_refused(lane: Street) -> None:
    client, trained = lane.caller(), await lane.queued()
    kept = await client.post(f"/api/v1/jobs/{trained['id']}/cancel", json={"keep_best": True})
    assert (kept.status_code, kept.json()["type"]) == (409, "/problems/nothing-to-keep")
    await client.post(f"/api/v1/jobs/{trained['id']}/cancel")
    more = await client.post(f"/api/v1/jobs/{trained['id']}/retry", json={"n_trials": 3})
    assert (more.status_code, more.json()["type"]) == (409, "/problems/not-a-tuning")
    assert await trials(lane, trained["id"]) == []

    halving = await tuned(lane, tuning(strategy="halving_random"))
    await client.post(f"/api/v1/jobs/{halving['id']}/cancel")
    more = await client.post(f"/api/v1/jobs/{halving['id']}/retry", json={"n_trials": 30})
    assert more.status_code == 409
    for wrong in ({"n_trials": 0}, {"n_trials": 10_001}, {"trials": 3}):
        assert (await client.post(f"/api/v1/jobs/{halving['id']}/retry", json=wrong)).status_code == 422
    assert (await client.get(f"/api/v1/jobs/{halving['id']}/trials", params={"cursor": "x"})).status_code == 422


async def test_the_best_so_far_is_announced(lane: Street) -> None:
    config = penguins_config(max_iter=60, early_stopping=False)
    job = await tuned(lane, tuning(n_trials=8), config=config)
    async with lane.working():
        job = await lane.until(job["id"], "succeeded", "failed", seconds=180)

    assert job["status"] == "succeeded", json.dumps(job)
    progress = await lane.events(JobProgressed)
    scores = [event.best.score for event in progress if isinstance(event, JobProgressed) and event.best is not None]
    assert scores
    assert scores == sorted(scores)
    assert scores[-1] <= job["best"]["score"]


async def test_a_tuning_whose_trials_all_fail_says_why(lane: Street) -> None:
    frame = penguins().with_columns(species=pl.lit("Adelie"))
    client = lane.caller()
    pipeline = (await client.post("/api/v1/pipelines", json={"name": "p", "config": penguins_config()})).json()
    event = await lane.dataset(frame)
    body = {"dataset_id": str(event.dataset_id), "tuning": tuning()}
    job = (await client.post(f"/api/v1/pipelines/{pipeline['id']}/tunings", json=body)).json()
    async with lane.working():
        job = await lane.until(job["id"], "failed", "succeeded")

    assert job["status"] == "failed"
    assert "Traceback" not in job["error"]["message"]


async def test_trials_that_run_elsewhere_run_in_no_job_that_takes_them_up(lane: Street) -> None:
    first = await tuned(lane, tuning())
    told = TrialTold(
        number=0, params={}, state=TrialState.RUNNING, score=None, folds=[], seconds=1, error=None, round=0,
        resource=None, part="",
    )  # fmt: skip
    async with lane.parts.uows() as uow:
        await uow.trials.put(await uow.jobs.require(Scope.system("pipeline"), UUID(str(first["id"]))), told)
    body = {"dataset_id": first["dataset_id"], "continues": first["id"]}
    answer = await lane.caller().post(f"/api/v1/pipelines/{first['pipeline_id']}/tunings", json=body)
    assert answer.status_code == 202, answer.text
    await lane.caller().post(f"/api/v1/jobs/{answer.json()['id']}/cancel")

    assert [trial["state"] for trial in await trials(lane, answer.json()["id"])] == ["stopped"]
    assert [trial["state"] for trial in await trials(lane, first["id"])] == ["running"]


@pytest.mark.parametrize("said", ["yes", "true", 1, None])
async def test_whether_to_keep_the_best_is_true_or_false(lane: Street, said: object) -> None:
    job = await tuned(lane, tuning())
    answer = await lane.caller().post(f"/api/v1/jobs/{job['id']}/cancel", json={"keep_best": said})

    assert answer.status_code == 422, answer.text
    assert (await lane.job(job["id"]))["status"] == "queued"
