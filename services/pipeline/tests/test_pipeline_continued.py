"""Tunings that time ends: continued, and tried again, with their seconds anew and no trials that nobody asked for."""

import pytest
from pipeline_street import Street
from pipeline_studies import SPACE, Json, trials, tuned, tuning
from skyulf_events import JobQueued


async def test_a_tuning_that_time_ends_is_continued_by_one_that_time_ends(lane: Street) -> None:
    timed = {**tuning(timeout=1.5, n_jobs=2), "n_trials": None}
    first = await tuned(lane, timed)
    assert first["tuning"] == timed  # no number of trials that nobody has asked for
    body = {"dataset_id": first["dataset_id"], "continues": first["id"]}
    path = f"/api/v1/pipelines/{first['pipeline_id']}/tunings"

    async def continued(wanted: Json | None) -> Json:
        answer = await lane.caller().post(path, json={**body, "tuning": wanted})
        assert answer.status_code == 202, answer.text
        found: Json = answer.json()
        return found

    changes: tuple[Json, ...] = ({"timeout": 9.0}, {"n_jobs": 1}, {"timeout": None, "n_trials": 7})
    for told in changes:
        other = await continued(told)
        assert other["tuning"] == {**timed, **told}
        await lane.caller().post(f"/api/v1/jobs/{other['id']}/cancel")
    async with lane.working():
        first = await lane.until(first["id"], "succeeded", "failed")
        before = await trials(lane, first["id"])
        second = await continued(None)
        assert second["tuning"] == timed
        second = await lane.until(second["id"], "succeeded", "failed", seconds=240)

    assert (first["status"], second["status"]) == ("succeeded", "succeeded"), (first, second)
    complete = [trial for trial in before if trial["state"] == "complete"]
    after = await trials(lane, second["id"])
    assert [trial for trial in after if trial in complete] == complete
    assert len(before) < len(after) < 1_000  # its own seconds, and then the end


async def test_the_seconds_of_a_tuning_that_is_tried_again_begin_anew(lane: Street) -> None:
    job = await tuned(lane, {"search_space": SPACE, "timeout": 0.001})
    async with lane.working():
        job = await lane.until(job["id"], "failed", "succeeded")
        assert (job["status"], job["error"]["code"]) == ("failed", "no-trial"), job
        again = await lane.caller().post(f"/api/v1/jobs/{job['id']}/retry", json={"n_trials": 2})
        assert again.json()["tuning"] == {"search_space": SPACE, "timeout": 0.001, "n_trials": 2}, again.text
        assert (await lane.until(job["id"], "failed", "succeeded"))["error"]["code"] == "no-trial"


@pytest.mark.parametrize(
    ("wishes", "pointers"),
    [
        ({"n_trials": 400, "min_resource": 1}, ["min_resource"]),
        ({"n_trials": 30, "min_resource": 1, "max_resource": 2}, ["min_resource", "max_resource"]),
        ({"n_trials": 5_000, "factor": 2, "min_resource": 1}, ["min_resource"]),
    ],
)
async def test_rounds_with_too_few_rows_for_the_folds_are_refused_and_the_least_that_is_named_works(
    lane: Street, wishes: Json, pointers: list[str]
) -> None:
    refused = await tuned(lane, tuning(strategy="halving_random", **wishes), code=422)

    assert [each["pointer"] for each in refused["errors"]] == [f"/tuning/{name}" for name in pointers]
    assert all("Choose 6 or more" in each["detail"] for each in refused["errors"])
    assert await lane.events(JobQueued) == []

    fewer = {**wishes, "n_trials": 3, **dict.fromkeys(pointers, 6)}
    job = await tuned(lane, tuning(strategy="halving_random", **fewer))
    async with lane.working():
        job = await lane.until(job["id"], "succeeded", "failed")
    assert job["status"] == "succeeded", job
    first = await trials(lane, job["id"])
    assert {trial["state"] for trial in first} == {"complete"}
