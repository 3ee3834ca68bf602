"""Runs and jobs over HTTP, on both databases."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from pipeline_street import Street, created, failed, penguins, penguins_config
from prometheus_client import REGISTRY
from skyulf_events import JobQueued
from skyulf_pipeline.domain.jobs import LogText
from skyulf_pipeline.main import routers, runner, worker_tasks
from skyulf_pipeline.persistence.jobs import MAX_LINES
from skyulf_pipeline.persistence.unit_of_work import PipelineUnitOfWork
from skyulf_pipeline.service.counters import JOBS_ENDED
from skyulf_pipeline.service.runs import SYSTEM
from skyulf_service.composition import Parts
from skyulf_service.ids import new_id


async def test_a_run_is_queued_and_announced_once(street: Street) -> None:
    client = street.caller()
    pipeline = (await client.post("/api/v1/pipelines", json={"name": "p", "config": penguins_config()})).json()
    event = await street.dataset(penguins())
    path, body = f"/api/v1/pipelines/{pipeline['id']}/runs", {"dataset_id": str(event.dataset_id), "priority": 5}
    answers = [await client.post(path, json=body, headers={"Idempotency-Key": "run-1"}) for _ in range(3)]

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    job = answers[0].json()
    assert (job["status"], job["attempt"], job["priority"], job["progress"]) == ("queued", 0, 5, 0)
    assert (job["pipeline_version"], job["dataset_version"], job["dataset_name"]) == (1, 1, "penguins")
    (queued,) = await street.events(JobQueued)
    assert (str(queued.job_id), queued.aggregate_version) == (job["id"], 1)


async def test_a_run_takes_the_versions_it_names(street: Street) -> None:
    client = street.caller()
    pipeline = (await client.post("/api/v1/pipelines", json={"name": "p", "config": penguins_config()})).json()
    path = f"/api/v1/pipelines/{pipeline['id']}"
    await client.put(path, json={"name": "p", "config": penguins_config(max_iter=9)}, headers={"If-Match": '"1"'})
    event = await street.dataset(penguins())
    body = {"dataset_id": str(event.dataset_id)}

    newest = (await client.post(f"{path}/runs", json=body)).json()
    older = (await client.post(f"{path}/runs", json={**body, "pipeline_version": 1, "dataset_version": 1})).json()
    assert (newest["pipeline_version"], older["pipeline_version"]) == (2, 1)
    for missing in ({"pipeline_version": 3}, {"dataset_version": 2}):
        assert (await client.post(f"{path}/runs", json={**body, **missing})).status_code == 404


async def test_a_run_waits_for_its_dataset(street: Street) -> None:
    client = street.caller()
    pipeline = (await client.post("/api/v1/pipelines", json={"name": "p", "config": penguins_config()})).json()
    path, dataset_id = f"/api/v1/pipelines/{pipeline['id']}/runs", new_id()
    body = {"dataset_id": str(dataset_id)}

    unknown = await client.post(path, json=body)
    assert (unknown.status_code, unknown.json()["type"]) == (404, "/problems/dataset-unknown")
    assert "on its way" in unknown.json()["detail"]
    await street.deliver(created(dataset_id))
    waiting = await client.post(path, json=body)
    assert (waiting.status_code, waiting.json()["type"]) == (409, "/problems/dataset-not-ready")
    assert waiting.headers["Retry-After"]
    await street.deliver(failed(dataset_id))
    hopeless = await client.post(path, json=body)
    assert hopeless.status_code == 409
    assert "Line 7" in hopeless.json()["detail"]
    assert await street.events() == []


async def test_columns_that_the_dataset_lacks_are_named(street: Street) -> None:
    client = street.caller()
    pipeline = (await client.post("/api/v1/pipelines", json={"name": "p", "config": penguins_config()})).json()
    event = await street.dataset(penguins().rename({"species": "kind"}).drop("island"))
    answer = await client.post(f"/api/v1/pipelines/{pipeline['id']}/runs", json={"dataset_id": str(event.dataset_id)})

    assert answer.status_code == 422, answer.text
    pointers = {each["pointer"] for each in answer.json()["errors"]}
    assert pointers >= {"/config/steps/0/config/target", "/config/steps/2/config/columns/0"}


async def test_text_that_reaches_the_model_is_refused_before_the_run(lane: Street) -> None:
    client = lane.caller()
    config = penguins_config()
    config["steps"] = config["steps"][:2]
    pipeline = (await client.post("/api/v1/pipelines", json={"name": "p", "config": config})).json()
    event = await lane.dataset(penguins())
    answer = await client.post(f"/api/v1/pipelines/{pipeline['id']}/runs", json={"dataset_id": str(event.dataset_id)})

    assert answer.status_code == 422
    assert "OneHotEncoder" in answer.json()["errors"][0]["detail"]


async def test_jobs_are_listed_by_status_and_pipeline_in_pages(street: Street) -> None:
    client = street.caller()
    jobs = [await street.queued() for _ in range(3)]
    await client.post(f"/api/v1/jobs/{jobs[0]['id']}/cancel")

    every = (await client.get("/api/v1/jobs")).json()["items"]
    assert [job["id"] for job in every] == [job["id"] for job in reversed(jobs)]
    queued = (await client.get("/api/v1/jobs", params={"status": "queued"})).json()["items"]
    assert [job["id"] for job in queued] == [jobs[2]["id"], jobs[1]["id"]]
    of_one = (await client.get("/api/v1/jobs", params={"pipeline_id": jobs[1]["pipeline_id"]})).json()["items"]
    assert [job["id"] for job in of_one] == [jobs[1]["id"]]
    first = (await client.get("/api/v1/jobs?limit=2")).json()
    second = (await client.get("/api/v1/jobs", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [job["id"] for job in [*first["items"], *second["items"]]] == [job["id"] for job in every]
    assert (await client.get("/api/v1/jobs?status=lost")).status_code == 422
    assert (await client.get("/api/v1/jobs?cursor=nonsense")).status_code == 422


async def test_an_unknown_job_is_404_and_a_queued_one_cannot_be_retried(street: Street) -> None:
    client = street.caller()
    job = await street.queued()

    assert (await client.get(f"/api/v1/jobs/{uuid4()}")).status_code == 404
    assert (await client.post(f"/api/v1/jobs/{uuid4()}/cancel")).status_code == 404
    retry = await client.post(f"/api/v1/jobs/{job['id']}/retry")
    assert (retry.status_code, retry.json()["type"]) == (409, "/problems/work-not-retryable")
    evaluation = await client.get(f"/api/v1/jobs/{job['id']}/evaluation")
    assert (evaluation.status_code, evaluation.json()["type"]) == (404, "/problems/no-evaluation")


async def test_logs_are_bounded_and_come_in_pages(street: Street) -> None:
    job_id = (await street.queued())["id"]
    async with street.parts.uows() as uow:
        job = (await uow.jobs.list(SYSTEM)).items[0]
        await uow.logs.append(job, [LogText(f"line {number}") for number in range(MAX_LINES - 1)])
        await uow.logs.append(job, [LogText("x" * 9000 + "\x00"), LogText("beyond the bound")])
    client, seen, cursor = street.caller(), [], None
    while True:
        params = {"limit": 200} if cursor is None else {"limit": 200, "cursor": cursor}
        page = (await client.get(f"/api/v1/jobs/{job_id}/logs", params=params)).json()
        seen += page["items"]
        if (cursor := page["next_cursor"]) is None:
            break

    assert [line["seq"] for line in seen] == list(range(1, MAX_LINES + 1))
    assert len(seen[-1]["message"]) == 2000


@pytest.mark.parametrize("role", [routers, worker_tasks, runner])
async def test_whoever_ends_jobs_counts_them_from_zero(
    lane: Street, role: Callable[[Parts[PipelineUnitOfWork]], object]
) -> None:
    JOBS_ENDED.clear()

    role(lane.parts)

    for status in ("succeeded", "failed", "cancelled"):
        assert REGISTRY.get_sample_value("skyulf_jobs_ended_total", {"kind": "train", "status": status}) == 0
