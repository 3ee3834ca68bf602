"""API keys: made, used, limited, revoked, expired."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from skyulf_gateway.persistence.tables import api_keys
from skyulf_service.ids import utc_now


async def test_a_key_is_shown_once_and_works(gateway):
    made = (await gateway.client.post("/api/v1/api-keys", json={"name": "ci", "scopes": ["viewer"]})).json()

    me = (await gateway.as_key(made["key"]).get("/api/v1/auth/me")).json()
    listed = (await gateway.client.get("/api/v1/api-keys")).json()["items"]

    assert made["key"].startswith(f"sk_{made['prefix']}_")
    assert me["key"]["id"] == made["id"]
    assert me["project"]["slug"] == "default"
    assert "datasets:read" in me["permissions"]
    assert [key["name"] for key in listed] == ["ci", "first admin key"]
    assert all("key" not in key for key in listed)


async def test_the_secret_is_nowhere_in_the_database(gateway):
    key = await gateway.new_key("viewer")

    async with gateway.parts.database.read() as connection:
        rows = (await connection.execute(api_keys.select())).all()

    assert key.split("_", 2)[2] not in repr(rows)


async def test_a_revoked_key_is_refused_at_once_on_the_same_replica(gateway):
    made = (await gateway.client.post("/api/v1/api-keys", json={"name": "ci", "scopes": ["viewer"]})).json()
    client = gateway.as_key(made["key"])
    assert (await client.get("/api/v1/auth/me")).status_code == 200

    revoked = await gateway.client.delete(f"/api/v1/api-keys/{made['id']}")

    assert revoked.json()["revoked_at"]
    assert (await client.get("/api/v1/auth/me")).status_code == 401
    again = await gateway.client.delete(f"/api/v1/api-keys/{made['id']}")
    assert (again.status_code, again.json()["type"]) == (409, "/problems/key-revoked")


async def test_a_revoked_key_is_refused_by_another_replica_within_its_memory(start, database_url):
    async with start(database_url, key_cache_seconds=0.3) as one, start(database_url, key_cache_seconds=0.3) as other:
        made = (await one.client.post("/api/v1/api-keys", json={"name": "ci", "scopes": ["viewer"]})).json()
        there = other.as_key(made["key"])
        assert (await there.get("/api/v1/auth/me")).status_code == 200

        await one.client.delete(f"/api/v1/api-keys/{made['id']}")
        await asyncio.sleep(0.4)

        assert (await there.get("/api/v1/auth/me")).status_code == 401


async def test_an_expired_key_is_refused_though_it_is_remembered(gateway):
    key = await gateway.new_key("viewer", expires_at=(utc_now() + timedelta(seconds=3)).isoformat())
    client = gateway.as_key(key)
    assert (await client.get("/api/v1/auth/me")).status_code == 200

    await asyncio.sleep(3.1)

    assert (await client.get("/api/v1/auth/me")).status_code == 401


async def test_a_key_cannot_outlive_its_maker(gateway):
    ends = (utc_now() + timedelta(hours=1)).isoformat()
    maker = gateway.as_key(await gateway.new_key("admin", expires_at=ends))

    made = (await maker.post("/api/v1/api-keys", json={"name": "child", "scopes": ["viewer"]})).json()

    assert made["expires_at"] is not None


async def test_a_key_gives_no_more_than_it_has(gateway):
    maker = gateway.as_key(await gateway.new_key("keys:write", "datasets:read"))

    refused = await maker.post("/api/v1/api-keys", json={"name": "more", "scopes": ["datasets:write"]})
    made = await maker.post("/api/v1/api-keys", json={"name": "same", "scopes": ["datasets:read"]})
    owner = await maker.post("/api/v1/api-keys", json={"name": "all", "scopes": ["owner"]})

    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/scope-too-wide")
    assert owner.status_code == 403
    assert made.status_code == 201


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": "x", "scopes": ["datasets:fly"]}, "scope-unknown"),
        ({"name": "x", "scopes": ["superuser"]}, "scope-unknown"),
        ({"name": "x", "expires_at": "2020-01-01T00:00:00Z"}, "expiry-in-the-past"),
        ({"name": "x", "expires_at": "2020-01-01T00:00:00"}, "invalid-input"),
        ({"name": "x", "expires_at": "9999-12-31T23:59:59-05:00"}, "invalid-input"),
        ({"name": "x", "expires_at": "0001-01-01T00:00:00+14:00"}, "invalid-input"),
        ({"name": ""}, "invalid-input"),
        ({"name": "x", "secret": "mine"}, "invalid-input"),
    ],
)
async def test_bad_wishes_are_refused_with_a_pointer(quick, body, code):
    answer = await quick.client.post("/api/v1/api-keys", json=body)

    assert (answer.status_code, answer.json()["type"]) == (422, f"/problems/{code}")
    assert answer.json()["errors"][0]["pointer"].startswith("/")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic c2s6eA=="},
        {"Authorization": "Bearer sk_aaaaaaaaaaaa_" + "A" * 43},
        {"Authorization": "Bearer eyJhbGciOiJub25lIn0.e30."},
        {"X-API-Key": "sk_short"},
        {"X-API-Key": "sk_é".encode()},
    ],
)
async def test_without_a_good_key_the_answer_is_401(quick, headers):
    answer = await quick.as_key(None).get("/api/v1/projects", headers=headers)

    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_right_prefix_with_a_wrong_secret_is_refused(quick):
    wrong = quick.admin_key[:-4] + ("AAAA" if quick.admin_key[-4:] != "AAAA" else "BBBB")

    assert (await quick.as_key(wrong).get("/api/v1/projects")).status_code == 401


async def test_a_key_may_come_as_x_api_key_but_not_in_the_query(quick):
    nobody = quick.as_key(None)

    assert (await nobody.get("/api/v1/projects", headers={"X-API-Key": quick.admin_key})).status_code == 200
    assert (await nobody.get("/api/v1/projects", params={"api_key": quick.admin_key})).status_code == 401


async def test_two_different_keys_in_one_request_are_refused(quick):
    other = await quick.new_key("viewer")

    assert (await quick.client.get("/api/v1/projects", headers={"X-API-Key": other})).status_code == 401


async def test_an_internal_token_does_not_open_the_door(quick):
    from skyulf_service.scope import Scope

    token = quick.parts.tokens.mint("gateway", Scope.system("gateway"))

    assert (await quick.as_key(token).get("/api/v1/projects")).status_code == 401


async def test_a_repeated_idempotency_key_makes_one_key_and_keeps_no_secret(gateway):
    headers = {"Idempotency-Key": "make-one"}
    first = await gateway.client.post("/api/v1/api-keys", json={"name": "once", "scopes": ["viewer"]}, headers=headers)

    again = await gateway.client.post("/api/v1/api-keys", json={"name": "once", "scopes": ["viewer"]}, headers=headers)
    other = await gateway.client.post("/api/v1/api-keys", json={"name": "two", "scopes": ["viewer"]}, headers=headers)

    assert first.json()["key"]
    assert again.json() == {**first.json(), "key": None}
    assert other.status_code == 422


async def test_the_key_of_the_organisation_cannot_revoke_itself(gateway):
    me = (await gateway.client.get("/api/v1/auth/me")).json()

    refused = await gateway.client.delete(f"/api/v1/api-keys/{me['key']['id']}")

    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/own-key")


async def test_revoking_what_is_not_there_is_404(quick):
    assert (await quick.client.delete(f"/api/v1/api-keys/{uuid4()}")).status_code == 404


async def test_many_requests_with_one_key_ask_the_database_once(quick):
    key = await quick.new_key("viewer")
    client, asked = quick.as_key(key), []
    lookup = quick.app.state.gateway.identity._lookup

    async def counted(material):
        asked.append(material.prefix)
        await asyncio.sleep(0.05)
        return await lookup(material)

    quick.app.state.gateway.identity._lookup = counted
    answers = await asyncio.gather(*(client.get("/api/v1/auth/me") for _ in range(20)))

    assert {answer.status_code for answer in answers} == {200}
    assert len(asked) == 1
