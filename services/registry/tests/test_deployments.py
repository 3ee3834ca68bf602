import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from harness.promises import Figures
from skyulf_events import DeploymentFailed, DeploymentReady, Failure
from skyulf_registry import service

DEPLOYMENTS = "/api/v1/deployments"


@pytest.fixture
async def deployed(registry, job_completed):
    await registry.deliver(job_completed(), job_completed())
    answer = await registry.client.post(DEPLOYMENTS, json={"name": "flights", "model": "late-flights", "version": 1})
    assert answer.status_code == 201
    return answer.json()


def ready(registry, deployed, *, revision: int, order: int, version: int = 1) -> DeploymentReady:
    return DeploymentReady(
        event_id=uuid4(), project_id=registry.project, aggregate_version=order, occurred_at=datetime.now(UTC),
        serving_id=uuid4(), deployment_id=UUID(deployed["id"]), name="flights", revision=revision, replicas=2,
        digest="ab" * 32, model="late-flights", model_version=version,
    )  # fmt: skip


def failed(registry, deployed, *, revision: int, order: int) -> DeploymentFailed:
    return DeploymentFailed(
        event_id=uuid4(), project_id=registry.project, aggregate_version=order, occurred_at=datetime.now(UTC),
        serving_id=uuid4(), deployment_id=UUID(deployed["id"]), name="flights", revision=revision, replicas=2,
        digest="ab" * 32, error=Failure(code="artifact-changed", message="plan.json was changed."),
    )  # fmt: skip


async def test_desired_and_observed_state_come_together(registry, deployed):
    pending = (await registry.client.get(f"{DEPLOYMENTS}/flights")).json()

    await registry.deliver(ready(registry, deployed, revision=1, order=1))

    live = (await registry.client.get(f"{DEPLOYMENTS}/flights")).json()
    assert (pending["status"], pending["serving"]) == ("pending", None)
    assert (live["status"], live["serving"], live["replicas"]) == (
        "ready", {"model": "late-flights", "version": 1}, 2,
    )  # fmt: skip


async def test_a_revision_that_fails_says_why_and_the_old_one_goes_on(registry, deployed):
    await registry.deliver(ready(registry, deployed, revision=1, order=1))
    await registry.client.post(DEPLOYMENTS, json={"name": "flights", "model": "late-flights", "version": 2})

    await registry.deliver(failed(registry, deployed, revision=2, order=2))

    found = (await registry.client.get(f"{DEPLOYMENTS}/flights")).json()
    assert (found["status"], found["version"]) == ("failed", 2)
    assert found["error"]["code"] == "artifact-changed"
    assert found["serving"] == {"model": "late-flights", "version": 1}


@pytest.mark.promise("R14")
async def test_reports_that_come_late_twice_or_about_old_revisions_change_nothing(registry, deployed, figures: Figures):
    await registry.client.post(DEPLOYMENTS, json={"name": "flights", "model": "late-flights", "version": 2})
    newest = ready(registry, deployed, revision=2, order=5, version=2)

    await registry.deliver(newest)
    await registry.deliver(failed(registry, deployed, revision=2, order=4), newest)
    await registry.deliver(ready(registry, deployed, revision=1, order=3))

    found = (await registry.client.get(f"{DEPLOYMENTS}/flights")).json()
    assert (found["status"], found["serving"]["version"], found["error"]) == ("ready", 2, None)
    figures("3 reports on a deployment late, twice or of an old revision: state unchanged")


async def test_rollback_goes_to_the_version_before_and_history_tells(registry, deployed):
    await registry.client.post(DEPLOYMENTS, json={"name": "flights", "model": "late-flights", "version": 2})

    back = await registry.client.post(f"{DEPLOYMENTS}/flights/rollback")

    history = (await registry.client.get(f"{DEPLOYMENTS}/flights/history")).json()["items"]
    assert (back.json()["version"], back.json()["revision"]) == (1, 3)
    assert [(line["revision"], line["reason"], line["version"]) for line in history] == [
        (3, "rollback", 1), (2, "deploy", 2), (1, "deploy", 1),
    ]  # fmt: skip
    assert history[0]["actor"] == "key:test"


async def test_there_must_be_something_to_roll_back_to(registry, deployed):
    refused = await registry.client.post(f"{DEPLOYMENTS}/flights/rollback")

    assert refused.status_code == 409
    assert refused.json()["type"] == "/problems/nothing-to-roll-back-to"


async def test_the_same_version_twice_is_refused_and_the_same_request_twice_is_one(registry, deployed):
    body = {"name": "flights", "model": "late-flights", "version": 2}
    key = {"Idempotency-Key": "deploy-2"}

    first = await registry.client.post(DEPLOYMENTS, json=body, headers=key)
    replay = await registry.client.post(DEPLOYMENTS, json=body, headers=key)
    other = await registry.client.post(DEPLOYMENTS, json={**body, "version": 1}, headers=key)
    plain = await registry.client.post(DEPLOYMENTS, json=body)

    assert first.status_code == replay.status_code == 201
    assert first.json() == replay.json()
    assert other.status_code == 422
    assert plain.status_code == 409
    assert [row.type for row in await registry.published()].count("io.skyulf.model.deployed.v1") == 2


async def test_a_change_needs_the_version_that_it_changes(registry, deployed):
    url, body = f"{DEPLOYMENTS}/flights", {"model": "late-flights", "version": 2}
    tag = (await registry.client.get(url)).headers["etag"]

    without = await registry.client.patch(url, json=body)
    wrong = await registry.client.patch(url, json=body, headers={"If-Match": '"99"'})
    right = await registry.client.patch(url, json=body, headers={"If-Match": tag})

    assert (without.status_code, wrong.status_code, right.status_code) == (428, 412, 200)


async def test_undeploy_stops_and_cannot_be_repeated(registry, deployed):
    stopped = await registry.client.delete(f"{DEPLOYMENTS}/flights")
    again = await registry.client.delete(f"{DEPLOYMENTS}/flights")

    assert (stopped.json()["desired"], stopped.json()["status"]) == ("stopped", "stopped")
    assert again.status_code == 409
    assert (await registry.published())[-1].type == "io.skyulf.model.undeployed.v1"


async def test_a_deployed_version_cannot_be_archived(registry, deployed):
    refused = await registry.client.put("/api/v1/models/late-flights/versions/1/stage", json={"stage": "archived"})

    assert refused.status_code == 409
    assert refused.json()["type"] == "/problems/version-in-use"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "flights", "model": "nothing"}, 404),
        ({"name": "flights", "model": "late-flights", "version": 9}, 404),
        ({"name": "flights", "model": "late-flights", "alias": "nobody"}, 422),
        ({"name": "flights", "model": "late-flights", "alias": "a", "version": 1}, 422),
        ({"name": "Not a slug", "model": "late-flights"}, 422),
        ({"name": "flights", "model": "late-flights", "verison": 1}, 422),
        ({"name": "flights", "model": "late-flights", "version": 2**40}, 422),
    ],
)
async def test_bad_requests_are_refused_with_a_problem(registry, deployed, body, status):
    answer = await registry.client.post(DEPLOYMENTS, json=body)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "", {"name": "flights", "model": "late-flights", "version": 2}, 201),
        ("PATCH", "/flights", {"model": "late-flights", "version": 2}, 200),
        ("DELETE", "/flights", None, 200),
    ],
)
async def test_what_inference_reports_at_that_moment_is_no_conflict(registry, deployed, method, path, body, status):
    headers = {"If-Match": "*"} if method == "PATCH" else {}
    async with registry.parts.uows() as uow:
        await service.note_ready(uow, event=ready(registry, deployed, revision=1, order=1))
        asked = asyncio.create_task(registry.client.request(method, DEPLOYMENTS + path, json=body, headers=headers))
        await asyncio.sleep(0.3)  # it has read the deployment by now, or waits for it
        assert not asked.done()

    answer = await asked
    assert (answer.status_code, answer.json()["revision"]) == (status, 2)


async def test_a_change_that_comes_between_reading_and_changing_is_not_overwritten(registry, deployed):
    etag = (await registry.client.get(f"{DEPLOYMENTS}/flights")).headers["ETag"]
    body = {"model": "late-flights", "version": 2}
    async with registry.parts.uows() as uow:
        await service.note_ready(uow, event=ready(registry, deployed, revision=1, order=1))
        asked = asyncio.create_task(
            registry.client.patch(f"{DEPLOYMENTS}/flights", json=body, headers={"If-Match": etag})
        )
        await asyncio.sleep(0.3)

    assert (await asked).status_code == 412
