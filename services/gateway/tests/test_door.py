"""What passes the door, what does not, and what happens to it on the way."""

import asyncio
import re

import pytest


async def raw(gateway, request: bytes) -> bytes:
    """The answer to bytes as they are: clients would clean the path up."""
    host, port = gateway.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    try:
        return await asyncio.wait_for(reader.read(), 5)
    finally:
        writer.close()


def get(path: str, key: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: gateway", f"Authorization: Bearer {key}", "Connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1")


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/../v1/things/one",
        "/api/v1/things/..",
        "/api/v1/things/%2e%2e",
        "/api/v1/things/%2E%2e/internal",
        "/api/v1/things/a%2f..%2fb",
        "/api/v1/things/a%5cb",
        "/api/v1/things/a%00b",
        "/api/v1/things/%",
        "/api/v1/things/%zz",
        "/api/v1//things/one",
        "//api/v1/things/one",
        "/api/v1/things/./one",
        "/api/v1/things/one/",
        "/api/v1/things/one;x=1",
        "/api/v1/%74hings/one",
        "/API/v1/things/one",
        "/internal/v1/calls",
        "/api/v1/things/../../../internal/v1/calls",
        "/internal/v1/dead-letters",
        "/internal/v1/feed",
        "/api/v1/things/" + "a" * 5000,
        "/nothing",
        "/",
    ],
)
async def test_paths_that_are_not_plain_and_known_are_never_forwarded(quick, path):
    answer = await raw(quick, get(path, quick.admin_key))

    assert answer.split(b" ", 2)[1] in (b"404", b"400", b"422")
    assert b"/problems/not-found" in answer
    assert quick.calls == []


async def test_a_plain_name_is_forwarded_byte_for_byte(quick):
    seen = (await quick.client.get("/api/v1/things/a%20b%C3%A9?x=%2e%2e&y=1+2")).json()

    assert (seen["raw_path"], seen["query"]) == ("/api/v1/things/a%20b%C3%A9", "x=%2e%2e&y=1+2")
    assert seen["name"] == "a bé"


async def test_unknown_paths_methods_identities_and_permissions_are_told_apart(quick):
    nobody, viewer = quick.as_key(None), quick.as_key(await quick.new_key("datasets:read"))

    unknown = await nobody.get("/api/v1/nothing")
    method = await quick.client.patch("/api/v1/things/one")
    unidentified = await nobody.get("/api/v1/things/one")
    forbidden = await viewer.get("/api/v1/things/one")

    assert [each.status_code for each in (unknown, method, unidentified, forbidden)] == [404, 405, 401, 403]
    assert method.headers["allow"] == "DELETE, GET, PUT"
    assert {each.headers["content-type"] for each in (unknown, method, unidentified, forbidden)} == {
        "application/problem+json"
    }
    assert "models:read" in forbidden.json()["detail"]
    assert quick.calls == []


async def test_explanations_are_forwarded_to_who_may_predict_and_to_nobody_else(either):
    path = "/api/v1/deployments/late/explain"
    viewer, operator = [either.as_key(await either.new_key(role)) for role in ("viewer", "operator")]

    found = await operator.post(path, json={"row": {}})
    refused = await viewer.post(path, json={"row": {}})

    assert (found.status_code, found.json()["explanations"]) == (200, [{"sentence": "late is late because."}])
    assert refused.status_code == 403


async def test_an_open_operation_needs_no_key(either):
    assert (await either.as_key(None).get("/v2/health/live")).json() == {"live": True}


async def test_the_clients_identity_stays_at_the_door(either):
    key = await either.new_key("viewer")
    sent = {
        "X-API-Key": key,
        "Cookie": "session=1",
        "X-Skyulf-Subject": "admin",
        "X-Skyulf-Permissions": "*",
        "X-Forwarded-For": "10.0.0.1",
        "X-Real-IP": "10.0.0.1",
        "Forwarded": "for=10.0.0.1",
        "Proxy-Authorization": "Basic eDp5",
        "X-Original-URL": "/internal/v1/calls",
        "Connection": "keep-alive, X-Secret",
        "X-Secret": "1",
        "TE": "trailers",
        "Accept-Language": "de",
        "If-None-Match": '"3"',
    }
    seen = (await either.as_key(None).get("/api/v1/things/one", headers=sent)).json()

    names = set(seen["headers"])
    assert names <= {
        "host", "accept", "accept-encoding", "user-agent", "accept-language", "if-none-match",
        "authorization", "x-request-id", "traceparent",
    }  # fmt: skip
    assert {"accept-language", "if-none-match"} <= names
    assert key not in str(seen)
    assert seen["headers"]["authorization"].startswith("Bearer ey")
    assert seen["subject"].startswith("key:")
    assert "models:read" in seen["permissions"]
    assert "*" not in seen["permissions"]


async def test_a_good_request_id_is_kept_from_end_to_end(either):
    answer = await either.client.get("/api/v1/things/one", headers={"X-Request-Id": "order-66"})

    assert answer.headers.get_list("x-request-id") == ["order-66"]
    assert answer.json()["headers"]["x-request-id"] == "order-66"


@pytest.mark.parametrize("offered", ["a b", "x" * 65, "<script>", "-x"])
async def test_a_bad_request_id_is_replaced(quick, offered):
    answer = await quick.client.get("/api/v1/nothing", headers={"X-Request-Id": offered})

    assert answer.headers["x-request-id"] != offered
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


async def test_a_trace_is_continued_and_a_forged_one_started_afresh(either):
    trace = "0af7651916cd43dd8448eb211c80319c"
    good = f"00-{trace}-b7ad6b7169203331-01"

    kept = await either.client.get("/api/v1/things/one", headers={"traceparent": good, "tracestate": "x=1"})
    forged = await either.client.get("/api/v1/things/one", headers={"traceparent": "00-zz-1-01", "baggage": "a=b"})

    assert kept.json()["headers"]["traceparent"].startswith(f"00-{trace}-")
    assert kept.json()["headers"]["traceparent"] != good
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]", forged.json()["headers"]["traceparent"])
    assert not {"tracestate", "baggage"} & {*kept.json()["headers"], *forged.json()["headers"]}


async def test_answers_keep_their_headers_and_get_those_of_the_door(either):
    answer = await either.client.put("/api/v1/things/one", json={"a": 1})

    assert answer.status_code == 202
    assert answer.headers["etag"] == '"7"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert "server" not in answer.headers


async def test_pages_of_services_can_be_looked_at_and_do_nothing(either):
    answer = await either.client.get("/api/v1/pages/one")

    assert answer.headers.get_list("content-security-policy") == [
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"
    ]
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_problems_of_services_pass_unchanged(either):
    answer = await either.client.delete("/api/v1/things/one")

    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/conflict")
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


async def test_sockets_are_refused(quick):
    upgrade = (
        f"GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {quick.admin_key}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    host, port = quick.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(upgrade.encode())

    line = await asyncio.wait_for(reader.readline(), 5)
    writer.close()

    assert b" 101 " not in line


async def test_hosts_that_are_not_trusted_are_refused(start, sqlite_url):
    async with start(sqlite_url, trusted_hosts=["skyulf.example"]) as gateway:
        refused = await gateway.client.get("/openapi.json")
        accepted = await gateway.client.get("/openapi.json", headers={"Host": "skyulf.example"})

    assert (refused.status_code, accepted.status_code) == (400, 200)


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
async def test_health_is_asked_for_by_the_address_of_the_moment(start, sqlite_url, path):
    async with start(sqlite_url, trusted_hosts=["skyulf.example"]) as gateway:
        found = await gateway.client.get(path, headers={"Host": "10.0.3.17:8000"})
        beside = await gateway.client.get(f"{path}/..", headers={"Host": "10.0.3.17:8000"})

    assert (found.status_code, beside.status_code) == (200, 400)


async def test_origins_are_allowed_by_the_settings_only(start, sqlite_url):
    asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
    async with start(sqlite_url, cors_origins=["https://app.example"]) as gateway:
        allowed = await gateway.client.options("/api/v1/projects", headers=asked)
        other = await gateway.client.options("/api/v1/projects", headers={**asked, "Origin": "https://evil.example"})

    assert allowed.headers["access-control-allow-origin"] == "https://app.example"
    assert "access-control-allow-origin" not in other.headers


async def test_one_document_describes_all_services_and_its_page_needs_no_network(either):
    nobody = either.as_key(None)

    document = (await nobody.get("/openapi.json")).json()
    page = await nobody.get("/docs")
    links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assets = [await nobody.get(link) for link in links]

    assert document["info"]["title"] == "Skyulf"
    assert {"/api/v1/things/{name}", "/api/v1/projects"} <= set(document["paths"])
    assert set(document["components"]["securitySchemes"]) == {"bearer", "api_key"}
    assert not any("/internal/" in path for path in document["paths"])
    assert page.status_code == 200
    assert all(link.startswith("/") for link in links)
    assert [asset.status_code for asset in assets] == [200] * len(links)
    assert "https://" not in page.text


async def test_problems_have_pages(quick):
    nobody = quick.as_key(None)

    assert "scope-too-wide" in (await nobody.get("/problems")).text
    assert "The key would be allowed more" in (await nobody.get("/problems/scope-too-wide")).text
    assert (await nobody.get("/problems/nonsense")).status_code == 404


async def test_health_is_open(quick):
    nobody = quick.as_key(None)

    assert [(await nobody.get(path)).status_code for path in ("/livez", "/readyz", "/metrics")] == [200, 200, 200]
