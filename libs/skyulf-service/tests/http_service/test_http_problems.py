from contextlib import asynccontextmanager

import httpx
import notes_service
import pytest
from skyulf_service.database.unit_of_work import UnitOfWorks
from skyulf_service.errors import StaleVersionError
from skyulf_service.http.problems import known_codes

JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def client(sqlite_url: str):
    async with (
        notes_service.open_database(sqlite_url) as database,
        notes_service.client_of(notes_service.build(database)) as client,
    ):
        yield client


def _problem(answer: httpx.Response, status: int, code: str) -> dict:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert document["type"] == f"/problems/{code}"
    assert document["status"] == status
    assert document["title"]
    assert document["detail"]
    assert document["request_id"] == answer.headers["x-request-id"]
    return document


async def test_an_error_of_ours_is_a_problem_document(client) -> None:
    document = _problem(await client.get("/api/v1/notes/7"), 404, "not-found")

    assert document["detail"] == "There is no note 7."
    assert document["instance"] == "/api/v1/notes/7"


async def test_unknown_addresses_and_methods_are_problems(client) -> None:
    _problem(await client.get("/nowhere"), 404, "not-found")
    _problem(await client.get("/api/v1/notes/7/"), 404, "not-found")
    answer = await client.put("/api/v1/notes/7")

    _problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"]


async def test_invalid_fields_are_named_by_pointers(client) -> None:
    answer = await client.post("/api/v1/notes", json={"number": "x", "tags": ["a", 7], "color": 1})

    document = _problem(answer, 422, "invalid-input")
    found = {entry["pointer"]: (entry["detail"], entry["code"]) for entry in document["errors"]}
    assert found["/text"] == ("is required", "missing")
    assert found["/color"] == ("is not a known field", "extra-forbidden")
    assert found["/tags/1"][1] == "string-type"
    assert found["/number"][1] == "float-parsing"
    assert "/text: is required" in document["detail"]
    assert document["detail"].endswith("and 1 more.")


async def test_pointers_say_which_part_of_the_request_is_meant(client) -> None:
    query = _problem(await client.get("/api/v1/notes/page?limit=201&flag=x"), 422, "invalid-input")
    path = _problem(await client.get("/api/v1/notes/0"), 422, "invalid-input")

    assert {entry["pointer"] for entry in query["errors"]} == {"/query/limit", "/query/flag"}
    assert [entry["pointer"] for entry in path["errors"]] == ["/path/number"]


async def test_a_thousand_wrong_fields_make_a_short_answer(client) -> None:
    document = _problem(await client.post("/api/v1/notes", json={"tags": [1] * 1000}), 422, "invalid-input")

    assert len(document["errors"]) == 100
    assert document["detail"].endswith("and 998 more.")


@pytest.mark.parametrize(
    "body",
    [
        b'{"text": "a", "number": NaN}',
        b'{"text": "a", "number": Infinity}',
        b'{"text": "a", "number": -Infinity}',
        b'{"text": "a", "number": 1e999}',
        b'{"text": "a", "number": 123456789012345678901234567890}',
        b'{"text": "a", "extra": {"n": ' + b"9" * 5000 + b"}}",
        b'{"text": "\\ud800"}',
        b'{"text": "\\u0000"}',
        b'{"text": "a", "extra": {"\\u0000": 1}}',
        b'{"text": "\xff"}',
        b'{"text": "\xed\xa0\x80"}',
        b'{"text": "a",}',
        b'{"text": "a"} {}',
        b"{'text': 'a'}",
        b"",
        b"[" * 9000 + b"]" * 9000,
        b'{"text": "a", "extra": {"a": ' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}}",
        b'{"text": "a", "extra": {"\\u0000": ' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}}",
    ],
)
async def test_json_that_is_none_or_cannot_be_kept_is_refused(client, body: bytes) -> None:
    _problem(await client.post("/api/v1/notes", content=body, headers=JSON), 422, "invalid-input")

    assert (await client.get("/api/v1/notes/count")).json() == 0


async def test_where_a_bad_character_is_found_is_said(client) -> None:
    answer = await client.post("/api/v1/notes", content=b'{"text": "a", "tags": ["b", "c\\u0000"]}', headers=JSON)

    assert _problem(answer, 422, "invalid-input")["errors"][0]["pointer"] == "/tags/1"


async def test_long_digits_that_fit_are_accepted(client) -> None:
    body = b'{"text": "1234567890123456789012", "number": 0.1234567890123456789, "extra": {"n": 9223372036854775807}}'

    answer = await client.post("/api/v1/notes", content=body, headers=JSON)

    assert answer.status_code == 201


async def test_a_nul_in_the_address_is_refused(client) -> None:
    _problem(await client.get("/api/v1/odd/id/a%00b"), 422, "invalid-input")
    _problem(await client.get("/api/v1/notes/page?cursor=%00"), 422, "invalid-input")


async def test_another_media_type_is_415(client) -> None:
    text = await client.post("/api/v1/notes", content=b'{"text": "a"}', headers={"Content-Type": "text/plain"})
    none = await client.post("/api/v1/notes", content=b'{"text": "a"}')

    _problem(text, 415, "unsupported-type")
    _problem(none, 415, "unsupported-type")


async def test_large_bodies_are_413_declared_or_not(client) -> None:
    large = b'{"text": "' + b"a" * 20_000 + b'"}'

    async def in_pieces():
        for start in range(0, len(large), 1000):
            yield large[start : start + 1000]

    for content in (large, in_pieces()):
        answer = await client.post("/api/v1/notes", content=content, headers=JSON)
        _problem(answer, 413, "too-large")
        assert answer.headers["connection"] == "close"


async def test_a_route_may_take_larger_bodies(client) -> None:
    assert (await client.post("/api/v1/odd/upload", content=b"a" * 60_000)).json() == 60_000
    _problem(await client.post("/api/v1/odd/upload", content=b"a" * 65_000), 413, "too-large")


async def test_a_bug_gives_nothing_away(client) -> None:
    document = _problem(await client.get("/api/v1/odd/bug"), 500, "internal")

    assert "secret" not in str(document)
    assert "ZeroDivision" not in str(document)


async def test_endless_recursion_is_refused(client) -> None:
    _problem(await client.get("/api/v1/odd/recursion"), 422, "invalid-input")


async def test_what_is_away_says_when_to_come_back(client) -> None:
    ours = await client.get("/api/v1/odd/unavailable")
    database = await client.get("/api/v1/odd/database")

    _problem(ours, 503, "unavailable")
    assert ours.headers["retry-after"] == "3"
    assert "10.0.0.1" not in _problem(database, 503, "unavailable")["detail"]


@pytest.mark.parametrize(
    ("if_match", "status", "code"),
    [
        (None, 428, "precondition-required"),
        ('"2"', 412, "precondition-failed"),
        ("abc", 422, "invalid-input"),
        ('"99999999999999999999999"', 422, "invalid-input"),
        ('"3", x', 422, "invalid-input"),
    ],
)
async def test_changes_need_the_right_version(client, if_match: str | None, status: int, code: str) -> None:
    headers = {} if if_match is None else {"If-Match": if_match}

    _problem(await client.patch("/api/v1/notes/1", headers=headers), status, code)


@pytest.mark.parametrize("if_match", ['"3"', "*", '"2", "3"', 'W/"3"'])
async def test_changes_of_the_present_version_are_made(client, if_match: str) -> None:
    assert (await client.patch("/api/v1/notes/1", headers={"If-Match": if_match})).status_code == 200


async def test_a_commit_that_fails_is_never_answered_as_a_success(sqlite_url: str) -> None:
    class Losing(UnitOfWorks):
        @asynccontextmanager
        async def __call__(self):
            async with super().__call__() as uow:
                yield uow
                raise StaleVersionError("Somebody else was faster.")

    async with notes_service.open_database(sqlite_url) as database:
        app = notes_service.build(database)
        app.state.uows = Losing(database, notes_service.Notes)
        async with notes_service.client_of(app) as client:
            answer = await client.post("/api/v1/notes", json={"text": "a"}, headers={"Idempotency-Key": "k"})

    _problem(answer, 409, "conflict")


def test_all_codes_are_known_with_their_meaning() -> None:
    codes = known_codes()

    assert codes["not-found"] == {
        "status": 404,
        "title": "Not found",
        "meaning": "The thing does not exist, or belongs to another tenant.",
    }
    assert codes["conflict"]["title"] == "Conflict"
    assert {"idempotency-mismatch", "idempotency-in-progress", "method-not-allowed", "internal"} <= set(codes)
    assert all(entry["meaning"] for entry in codes.values())
