import asyncio
import json
import re

import notes_service
import pytest
from fastapi import APIRouter
from prometheus_client import REGISTRY
from skyulf_service.http import allow_anyone
from skyulf_service.http.health import Check
from skyulf_service.telemetry.logging import current_request_id
from skyulf_service.telemetry.tracing import configure_tracing, current_traceparent

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
async def client(sqlite_url: str):
    async with (
        notes_service.open_database(sqlite_url) as database,
        notes_service.client_of(notes_service.build(database)) as client,
    ):
        yield client


def _requests(**labels: str) -> float:
    return REGISTRY.get_sample_value("skyulf_http_request_seconds_count", {"service": "notes", **labels}) or 0


async def test_every_answer_names_its_request(client) -> None:
    first = await client.get("/api/v1/odd/id/a")
    second = await client.get("/api/v1/odd/id/a")

    assert first.json() == first.headers["x-request-id"]
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


async def test_the_request_id_of_a_neighbour_is_taken_over(client) -> None:
    answer = await client.get("/api/v1/odd/id/a", headers={"X-Request-Id": "from-the-gateway"})

    assert answer.headers["x-request-id"] == answer.json() == "from-the-gateway"


@pytest.mark.parametrize("offered", ["a b", "x" * 65, "-a", "ü", ""])
async def test_request_ids_that_would_spoil_a_log_are_replaced(client, offered: str) -> None:
    answer = await client.get("/api/v1/odd/id/a", headers={"X-Request-Id": offered.encode()})

    assert re.fullmatch(r"[0-9a-f-]{36}", answer.headers["x-request-id"])


async def test_the_request_id_of_an_outsider_is_replaced(client) -> None:
    headers = {"X-Request-Id": "mine", "Authorization": "Bearer nobody"}

    assert (await client.get("/api/v1/odd/id/a", headers=headers)).headers["x-request-id"] != "mine"


async def test_requests_are_measured_by_template_not_by_address(client) -> None:
    labels = {"method": "GET", "route": "/api/v1/notes/{number}", "status": "404"}
    before = _requests(**labels)

    await client.get("/api/v1/notes/7")
    await client.get("/api/v1/notes/8")
    await client.get("/nowhere/secret-id")

    assert _requests(**labels) == before + 2
    assert _requests(method="GET", route="unmatched", status="404") >= 1
    text = (await client.get("/metrics")).text
    assert "skyulf_http_request_seconds_bucket" in text
    assert "secret-id" not in text


async def test_unknown_methods_do_not_make_series_of_their_own(client) -> None:
    await client.request("BREW", "/api/v1/notes/7")

    assert "BREW" not in (await client.get("/metrics")).text


async def test_the_trace_of_the_caller_goes_on_inside() -> None:
    configure_tracing(service="notes")
    router = APIRouter()

    @router.get("/api/v1/trace", **allow_anyone())
    async def trace() -> list[str | None]:
        return [current_traceparent(), current_request_id()]

    app = notes_service.build(None, routers=[router])
    async with notes_service.client_of(app) as client:
        answer = await client.get("/api/v1/trace", headers={"traceparent": PARENT})
        alone = await client.get("/api/v1/trace")

    traceparent, request_id = answer.json()
    assert traceparent.startswith("00-4bf92f3577b34da6a3ce929d0e0e4736-")
    assert traceparent != PARENT
    assert request_id == answer.headers["x-request-id"]
    assert alone.json()[0].split("-")[1] != "4bf92f3577b34da6a3ce929d0e0e4736"


async def test_liveness_asks_nothing_and_readiness_names_what_fails(sqlite_url: str) -> None:
    async def hangs() -> None:
        await asyncio.sleep(30)

    async def raises() -> None:
        raise OSError("secret address")

    async def says_no() -> bool:
        return False

    async def kafka() -> bool:
        return True

    async with notes_service.open_database(sqlite_url) as database:
        app = notes_service.build(database, readiness=[Check("broker", hangs), raises, says_no, kafka])
        async with notes_service.client_of(app) as client:
            alive, ready = await client.get("/livez"), await client.get("/readyz")

    assert alive.status_code == 200
    assert ready.status_code == 503
    assert ready.json() == {
        "status": "failing",
        "failing": {"broker": "no answer within 1 s", "raises": "OSError", "says_no": "not ready"},
    }


async def test_a_draining_process_is_alive_but_not_ready_and_closes_connections(client) -> None:
    assert (await client.get("/readyz")).json() == {"status": "ready", "failing": {}}

    client._transport.app.state.draining = True

    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "draining")
    assert answer.headers["connection"] == "close"
    assert (await client.get("/livez")).status_code == 200


async def test_a_database_that_is_away_is_not_ready(tmp_path) -> None:
    database = notes_service.Database.open(f"sqlite+aiosqlite:///{tmp_path / 'missing' / 'x.sqlite3'}", name="notes")

    async with notes_service.client_of(notes_service.build(database)) as client:
        answer = await client.get("/readyz")
    await database.close()

    assert answer.status_code == 503
    assert list(json.loads(answer.text)["failing"]) == ["database"]
