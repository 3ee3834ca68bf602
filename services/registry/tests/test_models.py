import asyncio
from uuid import uuid4

from skyulf_events import JobCompleted, ModelRegistered
from skyulf_registry.persistence.tables import metadata
from skyulf_service.database.migrations import differences


async def test_a_job_that_succeeded_becomes_one_version_however_often_it_is_delivered(registry, job_completed):
    event = job_completed()

    await registry.deliver(event, event)
    await registry.deliver(event)

    versions = (await registry.client.get("/api/v1/models/late-flights/versions")).json()["items"]
    assert [version["version"] for version in versions] == [1]
    assert versions[0]["lineage"]["job_id"] == str(event.job_id)
    assert versions[0]["lineage"]["pipeline_version"] == 2
    assert versions[0]["metrics"] == {"roc_auc": 0.75}
    assert "key" not in versions[0], "a storage location is nobody's business"
    assert [row.type for row in await registry.published()] == ["io.skyulf.model.registered.v1"]


async def test_a_version_says_how_sure_its_metrics_are_what_was_decided_and_what_it_goes_by(registry, job_completed):
    figures = {
        "intervals": {"roc_auc": {"low": 0.7, "high": 0.8, "confidence": 0.95}},
        "decisions": {"threshold": {"values": [0.775, 0.225], "criterion": "f1", "rows": 233}},
        "importances": [
            {"name": "dep_delay", "importance": 0.21},
            {"name": "<script>alert(1)</script>", "importance": 0.0},
        ],
    }

    await registry.deliver(JobCompleted.model_validate({**job_completed().model_dump(), **figures}))

    version = (await registry.client.get("/api/v1/models/late-flights/versions/1")).json()
    assert {name: version[name] for name in figures} == figures
    announced = ModelRegistered.model_validate_json((await registry.published())[0].body)
    assert {name: announced.model_dump(mode="json")[name] for name in figures} == figures


async def test_a_job_of_before_has_a_version_without_further_figures(registry, job_completed):
    event = job_completed().model_dump(mode="json")
    for name in ("intervals", "decisions", "importances"):
        del event[name]

    await registry.deliver(JobCompleted.model_validate(event))

    version = (await registry.client.get("/api/v1/models/late-flights/versions/1")).json()
    assert (version["intervals"], version["decisions"], version["importances"]) == ({}, {}, [])


async def test_a_second_event_of_the_same_job_makes_no_second_version(registry, job_completed):
    event = job_completed()
    await registry.deliver(event)

    await registry.deliver(event.model_copy(update={"event_id": uuid4()}))

    assert (await registry.client.get("/api/v1/models/late-flights")).json()["latest_version"] == 1


async def test_a_job_that_failed_registers_nothing(registry, job_completed):
    await registry.deliver(job_completed(status="failed"), job_completed(status="cancelled"))

    assert (await registry.client.get("/api/v1/models")).json() == {"items": [], "next_cursor": None}


async def test_numbers_have_no_gaps_when_many_jobs_end_at_once(registry, job_completed):
    events = [job_completed() for _ in range(12)]

    await asyncio.gather(*(registry.deliver(event) for event in events))

    versions = (await registry.client.get("/api/v1/models/late-flights/versions?limit=50")).json()["items"]
    assert sorted(version["version"] for version in versions) == list(range(1, 13))
    assert len({version["lineage"]["job_id"] for version in versions}) == 12


async def test_jobs_that_end_together_wait_for_each_other_and_lose_no_race(registry, job_completed, caplog):
    await registry.deliver(job_completed())

    await asyncio.gather(*(registry.deliver(job_completed()) for _ in range(12)))

    assert (await registry.client.get("/api/v1/models/late-flights")).json()["latest_version"] == 13
    assert "StaleVersionError" not in caplog.text


async def test_another_project_sees_nothing(registry, job_completed):
    await registry.deliver(job_completed())
    stranger = registry.headers(uuid4())

    for path in ("", "/late-flights", "/late-flights/versions", "/late-flights/versions/1"):
        answer = await registry.client.get(f"/api/v1/models{path}", headers=stranger)
        assert answer.status_code == 404 or answer.json()["items"] == []
    put = await registry.client.put(
        "/api/v1/models/late-flights/versions/1/stage", json={"stage": "production"}, headers=stranger
    )
    assert put.status_code == 404
    assert put.headers["content-type"] == "application/problem+json"


async def test_a_key_without_the_permission_is_refused(registry, job_completed):
    await registry.deliver(job_completed())
    reader = registry.headers(registry.project, "models:read")

    refused = await registry.client.put(
        "/api/v1/models/late-flights/versions/1/stage", json={"stage": "production"}, headers=reader
    )

    assert refused.status_code == 403
    assert (await registry.client.get("/api/v1/models/late-flights", headers=reader)).status_code == 200


async def test_an_alias_moves_and_is_announced(registry, job_completed):
    await registry.deliver(job_completed(), job_completed())

    first = await registry.client.put("/api/v1/models/late-flights/versions/1/aliases/champion")
    second = await registry.client.put("/api/v1/models/late-flights/versions/2/aliases/champion")
    dropped = await registry.client.delete("/api/v1/models/late-flights/aliases/champion")

    assert first.json()["aliases"] == {"champion": 1}
    assert second.json()["aliases"] == {"champion": 2}
    assert dropped.status_code == 204
    assert [row.type for row in await registry.published()][2:] == ["io.skyulf.model.aliased.v1"] * 2


async def test_an_archived_version_is_out_of_use(registry, job_completed):
    await registry.deliver(job_completed())
    stage = "/api/v1/models/late-flights/versions/1/stage"

    archived = await registry.client.put(stage, json={"stage": "archived"})
    again = await registry.client.put(stage, json={"stage": "production"})
    deploy = await registry.client.post("/api/v1/deployments", json={"name": "flights", "model": "late-flights"})

    assert archived.json()["status"] == "archived"
    assert again.status_code == deploy.status_code == 409
    assert deploy.json()["type"] == "/problems/version-archived"


async def test_pages_go_through_all_versions_once(registry, job_completed):
    await registry.deliver(*(job_completed() for _ in range(7)))
    seen, cursor = [], ""

    while cursor is not None:
        query = f"?limit=3&cursor={cursor}" if cursor else "?limit=3"
        page = (await registry.client.get(f"/api/v1/models/late-flights/versions{query}")).json()
        seen += [version["version"] for version in page["items"]]
        cursor = page["next_cursor"]

    assert sorted(seen) == list(range(1, 8))


async def test_migrations_make_the_declared_tables(registry):
    assert await differences(registry.parts.database, metadata) == []
