import asyncio
from datetime import timedelta

import notes_service
import pytest
from harness.promises import Figures
from skyulf_service import ids
from skyulf_service.http import idempotency_store

KEY = {"Idempotency-Key": "k-1"}


@pytest.fixture
async def app(database_url: str):
    async with notes_service.open_database(database_url) as database:
        yield notes_service.build(database)


@pytest.fixture
async def client(app):
    async with notes_service.client_of(app) as client:
        yield client


async def _count(client) -> int:
    return (await client.get("/api/v1/notes/count")).json()


@pytest.mark.promise("R2")
async def test_a_repeated_request_has_one_effect_and_the_same_answer(client, figures: Figures) -> None:
    first = await client.post("/api/v1/notes", json={"text": "a"}, headers=KEY)
    second = await client.post("/api/v1/notes", json={"text": "a"}, headers=KEY)

    assert first.status_code == second.status_code == 201
    assert first.content == second.content
    assert first.headers["etag"] == second.headers["etag"] == '"1"'
    assert first.headers["content-type"] == second.headers["content-type"]
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert await _count(client) == 1
    figures("2 requests in a row: 1 effect, 1 identical replay")


async def test_the_same_meaning_in_other_words_is_the_same_request(client) -> None:
    await client.post("/api/v1/notes", json={"text": "a", "number": 1}, headers=KEY)

    again = await client.post("/api/v1/notes", json={"number": 1.0, "text": "a"}, headers=KEY)

    assert again.status_code == 201
    assert await _count(client) == 1


async def test_another_request_under_the_same_key_is_refused(client) -> None:
    await client.post("/api/v1/notes", json={"text": "a"}, headers=KEY)

    other = await client.post("/api/v1/notes", json={"text": "b"}, headers=KEY)

    assert other.status_code == 422
    assert other.json()["type"] == "/problems/idempotency-mismatch"
    assert await _count(client) == 1


async def test_keys_of_other_principals_and_projects_are_their_own(app, client) -> None:
    await client.post("/api/v1/notes", json={"text": "a"}, headers=KEY)

    async with notes_service.client_of(app, "bob") as bob:
        answer = await bob.post("/api/v1/notes", json={"text": "b"}, headers=KEY)

    assert answer.status_code == 201
    assert await _count(client) == 2


async def test_without_a_key_every_request_has_its_effect(client) -> None:
    await client.post("/api/v1/notes", json={"text": "a"})
    await client.post("/api/v1/notes", json={"text": "a"})

    assert await _count(client) == 2


async def test_an_error_leaves_the_key_free(client) -> None:
    failed = await client.post("/api/v1/notes", json={"text": "conflict"}, headers=KEY)

    again = await client.post("/api/v1/notes", json={"text": "a"}, headers=KEY)

    assert failed.status_code == 409
    assert again.status_code == 201


@pytest.mark.promise("R2")
async def test_requests_at_once_have_one_effect(client, figures: Figures) -> None:
    answers = await asyncio.gather(
        *(client.post("/api/v1/notes", json={"text": "slow0.2"}, headers=KEY) for _ in range(5))
    )

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotent-replayed" in answer.headers for answer in answers) == 4
    assert await _count(client) == 1
    figures("5 requests at once: 1 effect, 4 identical replays")


@pytest.mark.parametrize("key", ["", "with space", "x" * 256, "ü"])
async def test_keys_that_are_none_are_refused(client, key: str) -> None:
    answer = await client.post("/api/v1/notes", json={"text": "a"}, headers={"Idempotency-Key": key.encode()})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/header/Idempotency-Key"


async def test_on_postgresql_a_request_that_runs_too_long_makes_the_second_409(postgres_url: str, monkeypatch) -> None:
    monkeypatch.setattr("skyulf_service.http.idempotency_store.WAIT_MILLISECONDS", 200)
    async with (
        notes_service.open_database(postgres_url) as database,
        notes_service.client_of(notes_service.build(database)) as client,
    ):
        first = asyncio.create_task(client.post("/api/v1/notes", json={"text": "slow1.5"}, headers=KEY))
        await asyncio.sleep(0.5)
        second = await client.post("/api/v1/notes", json={"text": "slow1.5"}, headers=KEY)

        assert second.status_code == 409
        assert second.json()["type"] == "/problems/idempotency-in-progress"
        assert second.headers["retry-after"] == "1"
        assert (await first).status_code == 201
        assert await _count(client) == 1


async def test_a_key_is_forgotten_after_a_day(app, client, monkeypatch) -> None:
    await client.post("/api/v1/notes", json={"text": "a"}, headers=KEY)
    monkeypatch.setattr(idempotency_store, "utc_now", lambda: ids.utc_now() + timedelta(hours=25))

    again = await client.post("/api/v1/notes", json={"text": "b"}, headers=KEY)

    assert again.status_code == 201
    assert await _count(client) == 2


async def test_the_sweeper_forgets_old_keys(app, client, monkeypatch) -> None:
    await client.post("/api/v1/notes", json={"text": "a"}, headers=KEY)
    keys = notes_service.messaging.idempotency_keys

    async with app.state.uows.database.begin() as connection:
        assert await idempotency_store.purge(connection, keys) == 0
        monkeypatch.setattr(idempotency_store, "utc_now", lambda: ids.utc_now() + timedelta(hours=25))
        assert await idempotency_store.purge(connection, keys) == 1
