from contextlib import AsyncExitStack

import notes_service
import pytest
from fastapi import APIRouter, Request, Response
from skyulf_service.http import create_app, requires
from skyulf_service.signing.keys import PublicKeys, SigningKey
from skyulf_service.signing.tokens import InternalTokenIssuer, InternalTokenVerifier
from starlette.testclient import TestClient, WebSocketDenialResponse


@pytest.fixture
async def clients(sqlite_url: str):
    async with AsyncExitStack() as stack:
        app = notes_service.build(await stack.enter_async_context(notes_service.open_database(sqlite_url)))
        names = ["ada", "guest", "operator", "pipeline", "nobody", None]
        yield {name: await stack.enter_async_context(notes_service.client_of(app, name)) for name in names}


@pytest.mark.parametrize(
    ("token", "status"), [("ada", 200), ("guest", 403), ("operator", 403), ("nobody", 401), (None, 401)]
)
async def test_a_permission_is_needed(clients, token: str | None, status: int) -> None:
    answer = await clients[token].get("/api/v1/notes/count")

    assert answer.status_code == status
    if status == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer")
    if status == 403:
        assert "notes:read" in answer.json()["detail"]


@pytest.mark.parametrize(("token", "status"), [("ada", 403), ("pipeline", 200), ("operator", 200), (None, 401)])
async def test_internal_routes_are_for_services_and_operators(clients, token: str | None, status: int) -> None:
    assert (await clients[token].get("/internal/v1/secrets")).status_code == status


async def test_identity_is_asked_before_the_body_is_read(clients) -> None:
    read = []

    async def body():
        read.append(1)
        yield b"not even json"

    headers = {"Content-Type": "application/json"}
    assert (await clients[None].post("/api/v1/notes", content=body(), headers=headers)).status_code == 401
    assert (await clients["guest"].post("/api/v1/notes", content=b"x" * 99_000, headers=headers)).status_code == 403
    assert not read


async def test_every_identity_may_use_what_only_asks_for_one(clients) -> None:
    assert (await clients["guest"].get("/api/v1/odd/me")).json() == "user:guest"
    assert (await clients[None].get("/api/v1/odd/me")).status_code == 401


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic ada", "ada", "Bearer  nobody"])
async def test_broken_authorization_is_401(clients, header: str) -> None:
    answer = await clients[None].get("/api/v1/notes/count", headers={"Authorization": header})

    assert answer.status_code == 401


def test_sockets_are_checked_before_they_are_accepted() -> None:
    app = notes_service.build(None, routers=[notes_service.odd])
    with TestClient(app) as client:
        with client.websocket_connect("/api/v1/odd/socket", headers={"Authorization": "Bearer ada"}) as socket:
            assert socket.receive_text() == "user:ada"
        for headers, status in (({}, 401), ({"Authorization": "Bearer guest"}, 403)):
            with (
                pytest.raises(WebSocketDenialResponse) as denied,
                client.websocket_connect("/api/v1/odd/socket", headers=headers),
            ):
                pass
            assert denied.value.status_code == status
            assert denied.value.headers["content-type"] == "application/problem+json"


async def _endpoint() -> None: ...


@pytest.mark.parametrize("path", ["/api/v1/open", "/internal/v1/open", "/v2/models"])
def test_a_route_without_a_permission_stops_the_start(path: str) -> None:
    router = APIRouter()
    router.get(path)(_endpoint)

    with pytest.raises(ValueError, match=f"{path} declares no permission"):
        create_app(service="notes", verifier=notes_service.Verifier(), routers=[router])


def test_a_socket_without_a_permission_stops_the_start() -> None:
    router = APIRouter()
    router.websocket("/api/v1/open")(_endpoint)

    with pytest.raises(ValueError, match="declares no permission"):
        create_app(service="notes", verifier=notes_service.Verifier(), routers=[router])


def test_a_permission_may_be_declared_for_a_whole_router() -> None:
    outer, inner = APIRouter(dependencies=requires("notes:read")["dependencies"]), APIRouter()
    inner.get("/api/v1/open")(_endpoint)
    outer.include_router(inner)

    app = create_app(service="notes", verifier=notes_service.Verifier(), routers=[outer])

    assert [operation.access.permission for operation in app.state.route_table.operations] == ["notes:read"]
    with TestClient(app) as client:
        assert client.get("/api/v1/open").status_code == 401
        assert client.get("/api/v1/open", headers={"Authorization": "Bearer ada"}).status_code == 200


def test_two_operations_of_one_name_stop_the_start() -> None:
    router = APIRouter()
    router.get("/api/v1/a", **requires("notes:read"))(_endpoint)
    router.get("/api/v1/b", **requires("notes:read"))(_endpoint)

    with pytest.raises(ValueError, match="have one name, notes__endpoint"):
        create_app(service="notes", verifier=notes_service.Verifier(), routers=[router])


@pytest.mark.parametrize("permission", ["notes", ":read", "notes:", ""])
def test_permissions_have_an_area_and_a_verb(permission: str) -> None:
    with pytest.raises(ValueError, match="<area>:<verb>"):
        requires(permission)


async def test_a_request_handed_on_in_one_process_is_identified_anew() -> None:
    """Standalone: the gateway calls its neighbour's app with its own scope, changed."""
    neighbour = notes_service.build(None, routers=[notes_service.odd])
    router = APIRouter()

    @router.get("/api/v1/odd/me", **requires("notes:read"))
    async def hand_on(request: Request) -> Response:
        token = request.headers["x-inner"].encode()
        sent: list[dict] = []

        async def send(message: dict) -> None:
            sent.append(message)

        await neighbour({**request.scope, "headers": [(b"authorization", b"Bearer " + token)]}, request.receive, send)
        return Response(sent[1]["body"], status_code=sent[0]["status"])

    async with notes_service.client_of(notes_service.build(None, routers=[router])) as client:
        as_pipeline = await client.get("/api/v1/odd/me", headers={"X-Inner": "pipeline"})
        refused = await client.get("/api/v1/odd/me", headers={"X-Inner": "nobody"})

    assert as_pipeline.json() == "service:pipeline"
    assert refused.status_code == 401


async def test_internal_tokens_open_an_app() -> None:
    gateway = SigningKey.generate("gateway")
    verifier = InternalTokenVerifier(PublicKeys([gateway.public]), "notes")
    issuer = InternalTokenIssuer(gateway, "gateway")
    scope = notes_service.Verifier().scopes["ada"]

    async with notes_service.client_of(notes_service.build(None, verifier=verifier), None) as client:
        good = await client.get("/api/v1/odd/me", headers={"Authorization": f"Bearer {issuer.mint('notes', scope)}"})
        other = await client.get("/api/v1/odd/me", headers={"Authorization": f"Bearer {issuer.mint('other', scope)}"})

    assert (good.status_code, good.json()) == (200, "user:ada")
    assert (other.status_code, other.json()["type"]) == (401, "/problems/unauthenticated")
