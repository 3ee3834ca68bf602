"""What operators see: audit, dead letters, the system."""

import asyncio
import base64
import json

import pytest
from skyulf_gateway.consumers import consumers
from skyulf_gateway.domain.audit import AuditEntry
from skyulf_gateway.persistence.tables import audit_log
from skyulf_gateway.runtime.audit import AuditWriter
from skyulf_service.database.pagination import LARGEST, encode_cursor
from skyulf_service.errors import UnavailableError
from skyulf_service.ids import new_id, utc_now
from skyulf_service.messaging.policy import Delivery
from skyulf_service.messaging.records import Record
from sqlalchemy import update


async def entries(gateway, count: int) -> list[dict[str, object]]:
    for _ in range(100):
        items = (await gateway.client.get("/api/v1/audit")).json()["items"]
        if len(items) >= count:
            break
        await asyncio.sleep(0.02)
    return items


async def test_changes_are_audited_with_who_what_and_result(gateway):
    me = (await gateway.client.get("/api/v1/auth/me")).json()
    await gateway.client.put("/api/v1/things/one", json={}, headers={"X-Request-Id": "order-66"})
    await gateway.client.delete("/api/v1/things/two")
    viewer = gateway.as_key(await gateway.new_key("viewer"))
    refused = await viewer.delete("/api/v1/things/three")
    await gateway.client.post("/api/v1/deployments/late/predict", json={})
    await gateway.client.post("/api/v1/deployments/late/explain", json={})
    await gateway.client.get("/api/v1/things/one")

    found = await entries(gateway, 4)

    assert refused.status_code == 403
    assert [(entry["operation"], entry["objects"], entry["status"]) for entry in found] == [
        ("registry_delete_thing", {"name": "three"}, 403),
        ("gateway_create_api_key", {}, 201),
        ("registry_delete_thing", {"name": "two"}, 409),
        ("registry_write_thing", {"name": "one"}, 202),
    ]
    first = found[-1]
    assert first["subject"] == me["subject"]
    assert (first["method"], first["path"], first["request_id"]) == ("PUT", "/api/v1/things/{name}", "order-66")


async def test_the_audit_log_is_read_in_pages_and_by_project(gateway):
    other = (await gateway.client.post("/api/v1/projects", json={"slug": "other"})).json()["id"]
    key = await gateway.new_key("admin", project_id=other)
    for number in range(5):
        await gateway.client.put(f"/api/v1/things/t{number}", json={})
    await entries(gateway, 7)

    names, cursor = [], None
    while True:
        page = (
            await gateway.client.get("/api/v1/audit", params={"limit": 2, **({"cursor": cursor} if cursor else {})})
        ).json()
        names += [entry["objects"].get("name") for entry in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert names == ["t4", "t3", "t2", "t1", "t0", None, None]
    async with gateway.as_key(key) as client:
        assert (await client.get("/api/v1/audit")).json()["items"] == []


@pytest.mark.parametrize("key", [LARGEST + 1, -(10**30), "first", "7"])
async def test_a_forged_place_in_the_audit_log_is_refused(gateway, key):
    answer = await gateway.client.get("/api/v1/audit", params={"cursor": encode_cursor("audit", [key])})

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "invalid-cursor")


@pytest.mark.parametrize("key", [LARGEST, -LARGEST])
async def test_the_ends_of_the_audit_log_are_places_in_it(gateway, key):
    answer = await gateway.client.get("/api/v1/audit", params={"cursor": encode_cursor("audit", [key])})

    assert answer.status_code == 200


async def test_a_clean_stop_loses_no_audit_entry(start, sqlite_url):
    async with start(sqlite_url) as gateway:
        await asyncio.gather(*(gateway.client.put(f"/api/v1/things/t{number}", json={}) for number in range(50)))
    async with start(sqlite_url) as gateway, gateway.parts.database.read() as connection:
        rows = (await connection.execute(audit_log.select())).all()

    assert len(rows) == 50


def entry(number: int) -> AuditEntry:
    return AuditEntry(new_id(), new_id(), "key:x", f"op{number}", "registry", "PUT", "/x", 200, "r", utc_now())


async def test_audit_entries_wait_for_a_database_that_is_away():
    written, away = [], True

    async def write(batch):
        if away:
            raise UnavailableError("away")
        written.extend(batch)

    writer = AuditWriter(write)
    task = asyncio.create_task(writer.run())
    for number in range(10):
        await writer.record(entry(number))
    await asyncio.sleep(0.1)
    away = False
    await asyncio.sleep(0.7)
    task.cancel()

    assert [each.operation for each in written] == [f"op{number}" for number in range(10)]


async def test_a_full_audit_queue_holds_back_and_then_logs(caplog):
    async def write(batch):
        raise UnavailableError("away")

    writer = AuditWriter(write, size=2, patience=0.1, farewell=0.1)
    for number in range(3):
        await writer.record(entry(number))

    assert "op2" in caplog.text


@pytest.fixture
async def parked(gateway):
    """A record that the gateway itself could not handle."""
    headers = {
        "ce_id": str(new_id()),
        "ce_type": "io.skyulf.moon.landed.v1",
        "ce_source": "/s",
        "ce_specversion": "1.0",
    }
    headers["ce_time"] = "2026-01-02T03:04:05Z"
    body = json.dumps({"event_id": headers["ce_id"]}).encode()  # names no project
    await Delivery(consumers, gateway.parts.uows).process(
        [Record("t", b"m", body, [(key, value.encode()) for key, value in headers.items()], partition=1, offset=7)]
    )


async def test_dead_letters_of_all_services_are_listed_replayed_and_discarded(gateway, parked):
    page = (await gateway.client.get("/api/v1/dead-letters")).json()
    (letter,) = page["items"]
    place = f"/api/v1/dead-letters/{letter['service']}/{letter['id']}"

    replayed = await gateway.client.post(f"{place}/replay")
    discarded = await gateway.client.delete(place)
    gone = await gateway.client.delete(place)

    assert (letter["service"], letter["consumer"], letter["topic"]) == ("gateway", "gateway.log_event", "t")
    assert page["unavailable"] == ["registry"]  # the small neighbour of these tests has none to show
    assert (replayed.status_code, replayed.json()["type"]) == (409, "/problems/replay-failed")
    assert (discarded.status_code, gone.status_code) == (204, 404)


async def test_a_letter_of_a_handler_that_this_release_does_not_have_is_not_said_to_be_handled(gateway, parked):
    (letter,) = (await gateway.client.get("/api/v1/dead-letters")).json()["items"]
    async with gateway.parts.uows() as uow:
        await uow.connection.execute(update(uow.tables.dead_letters).values(consumer="gateway.log_it_otherwise"))
    place = f"/api/v1/dead-letters/gateway/{letter['id']}"

    replayed = await gateway.client.post(f"{place}/replay")

    assert (replayed.status_code, replayed.json()["type"]) == (409, "/problems/no-handler")
    assert "gateway.log_it_otherwise" in replayed.json()["detail"]
    (kept,) = (await gateway.client.get("/api/v1/dead-letters")).json()["items"]
    assert kept == {**letter, "consumer": "gateway.log_it_otherwise"}, "why it was parked is still said"
    assert (await gateway.client.delete(place)).status_code == 204


async def test_dead_letters_of_a_service_that_does_not_exist_are_not_found(quick):
    place = f"/api/v1/dead-letters/moon/{new_id()}"

    assert (await quick.client.delete(place)).status_code == 404
    assert (await quick.client.post(f"{place}/replay")).status_code == 404


LATE = encode_cursor("dead_letters", ["9999-12-31T23:59:59-05:00", str(new_id())])


@pytest.mark.parametrize(
    "places", [{}, {"moon": ""}, {"gateway": 7}, {"gateway": "x"}, {"gateway": LATE, "registry": ""}]
)
async def test_a_cursor_of_another_list_is_refused(quick, places):
    cursor = base64.urlsafe_b64encode(json.dumps(places).encode()).decode()
    answer = await quick.client.get("/api/v1/dead-letters", params={"cursor": cursor})

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "invalid-cursor")


async def test_what_is_no_cursor_of_dead_letters_is_refused(quick):
    assert (await quick.client.get("/api/v1/dead-letters", params={"cursor": "x"})).status_code == 422


async def test_the_system_says_who_answers(either):
    shown = (await either.client.get("/api/v1/system")).json()

    states = {service["name"]: service["status"] for service in shown["services"]}
    assert (states["gateway"], states["registry"]) == ("ready", "ready")
    assert shown["version"]


async def test_the_system_says_who_does_not(start, sqlite_url):
    async with start(sqlite_url, form="distributed") as gateway:
        shown = (await gateway.client.get("/api/v1/system")).json()

    states = {service["name"]: service["status"] for service in shown["services"]}
    assert shown["status"] == "failing"
    assert states == {
        "gateway": "ready", "registry": "away", "inference": "away", "ingestion": "away", "pipeline": "away",
    }  # fmt: skip
