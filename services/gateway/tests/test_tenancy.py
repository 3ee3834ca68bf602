"""Projects are worlds of their own; only keys of the organisation see several."""

import pytest


@pytest.fixture
async def second(gateway):
    """Another project, with an owner's key of it."""
    project = (await gateway.client.post("/api/v1/projects", json={"slug": "second", "name": "Second"})).json()
    key = await gateway.new_key("owner", project_id=project["id"])
    async with gateway.as_key(key) as client:
        yield project, client


async def test_a_project_is_created_once(gateway):
    made = await gateway.client.post("/api/v1/projects", json={"slug": "second"})
    again = await gateway.client.post("/api/v1/projects", json={"slug": "second"})
    shown = await gateway.client.get(f"/api/v1/projects/{made.json()['id']}")

    assert (made.status_code, made.json()["name"]) == (201, "second")
    assert (again.status_code, again.json()["type"]) == (409, "/problems/slug-taken")
    assert shown.headers["etag"] == '"1"'


async def test_a_key_of_the_organisation_lists_all_projects_and_others_their_own(gateway, second):
    project, client = second

    everything = (await gateway.client.get("/api/v1/projects")).json()["items"]
    own = (await client.get("/api/v1/projects")).json()["items"]

    assert [each["slug"] for each in everything] == ["second", "default"]
    assert own == [project]


async def test_an_owner_of_one_project_does_not_see_the_other(gateway, second):
    _, client = second
    theirs = (await gateway.client.get("/api/v1/auth/me")).json()

    answers = [
        await client.get(f"/api/v1/projects/{theirs['project']['id']}"),
        await client.delete(f"/api/v1/api-keys/{theirs['key']['id']}"),
        await client.get("/api/v1/api-keys", params={"project_id": theirs["project"]["id"]}),
        await client.post("/api/v1/api-keys", json={"name": "spy", "project_id": theirs["project"]["id"]}),
    ]

    assert [answer.status_code for answer in answers] == [404, 404, 404, 404]


async def test_an_owner_of_one_project_cannot_reach_beyond_it(gateway, second):
    _, client = second

    answers = [
        await client.post("/api/v1/projects", json={"slug": "third"}),
        await client.get("/api/v1/system"),
        await client.get("/api/v1/dead-letters"),
        await client.post("/api/v1/api-keys", json={"name": "up", "reach": "organisation"}),
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 403, 403]
    assert len((await gateway.client.get("/api/v1/projects")).json()["items"]) == 2


async def test_keys_are_listed_per_project(gateway, second):
    project, client = second

    own = (await client.get("/api/v1/api-keys")).json()["items"]
    named = (await gateway.client.get("/api/v1/api-keys", params={"project_id": project["id"]})).json()["items"]
    admins = (await gateway.client.get("/api/v1/api-keys")).json()["items"]

    assert own == named
    assert {key["project_id"] for key in own} == {project["id"]}
    assert {key["id"] for key in own}.isdisjoint(key["id"] for key in admins)


async def test_services_get_the_project_of_the_key_whatever_the_headers_say(gateway, second):
    project, client = second

    seen = (
        await client.get("/api/v1/things/one", headers={"Skyulf-Project": "default", "X-Skyulf-Project": "x"})
    ).json()

    assert seen["project"] == project["id"]
    assert not any("skyulf" in name for name in seen["headers"])


async def test_an_organisation_key_can_be_replaced(gateway):
    new = await gateway.new_key("owner", reach="organisation")
    old = (await gateway.client.get("/api/v1/auth/me")).json()["key"]["id"]

    async with gateway.as_key(new) as client:
        assert (await client.delete(f"/api/v1/api-keys/{old}")).status_code == 200
        assert (await client.get("/api/v1/system")).status_code == 200
    assert (await gateway.client.get("/api/v1/projects")).status_code == 401


@pytest.mark.parametrize("slug", ["Ünïcode", "UPPER", "", "a" * 64, "../etc", "a b", "-a"])
async def test_bad_slugs_are_refused(quick, slug):
    assert (await quick.client.post("/api/v1/projects", json={"slug": slug})).status_code == 422
