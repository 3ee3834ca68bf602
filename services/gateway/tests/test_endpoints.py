"""Predictions of a deployment that has an endpoint of its own: they go there, and nobody is refused because of it."""

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

import pytest
from aiohttp import web
from pydantic import SecretStr, ValidationError
from skyulf_gateway.settings import GatewaySettings
from skyulf_service.http.problems import ELSEWHERE
from skyulf_service.ports import PORTS
from skyulf_service.settings import SharedSettings
from skyulf_service.testing.certificates import Authority
from skyulf_service.testing.ports import free_port
from skyulf_service.tls import serving_context

ROW = {"row": {"x": 1}}
JSON = {"Content-Type": "application/json"}
MIB = 2**20
OTHERS = {"predictions": [1.0], "model": "late", "model_version": 1}  # what the neighbour program answers


class Endpoint:
    """Answers predictions of its own; ``leaves`` them to others where it is told that there are some.

    Where it ``breaks`` off it ends as a pod that is killed, and ``silent`` it does not end.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.seen: list[dict[str, str]] = []
        self.leaves = self.breaks = self.silent = False
        self.waits = asyncio.Event()
        self.waits.set()

    async def answer(self, request: web.Request) -> web.Response:
        self.seen.append(dict(request.headers))
        asked = await request.json()
        await self.waits.wait()
        if self.leaves and ELSEWHERE in request.headers:
            return web.Response(status=503, headers={ELSEWHERE: "may"})
        if self.silent:
            await asyncio.sleep(30)
        if self.breaks and request.transport is not None:
            request.transport.abort()
        return web.json_response({"mine": request.path, "asked": asked})


@asynccontextmanager
async def serving(tls: ssl.SSLContext | None = None) -> AsyncIterator[Endpoint]:
    app, port = web.Application(client_max_size=2**30), free_port()
    made = Endpoint(f"{'https' if tls else 'http'}://127.0.0.1:{port}")
    app.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls).start()
    yield made
    await runner.cleanup()


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    async with serving() as made:
        yield made


@pytest.fixture
async def stranger(tmp_path) -> AsyncIterator[Endpoint]:
    """An endpoint whose certificate nobody vouches for."""
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    Authority(tmp_path / "stranger.crt").issue(certificate, key)
    async with serving(serving_context(certificate, key)) as made:
        yield made


@pytest.fixture
def with_endpoint(start, sqlite_url, registry_url):
    """Starts a gateway whose deployment `late` has an endpoint at an address."""

    async def project() -> str:
        async with start(sqlite_url, form="distributed", registry_url=registry_url) as first:
            return str((await first.client.get("/api/v1/auth/me")).json()["project"]["id"])

    async def begin(url: str, others: str = registry_url, **settings: object):
        endpoints = {f"{await project()}/late": url}
        given = {"endpoints": endpoints, "connect_seconds": 2, **settings}
        return start(sqlite_url, form="distributed", registry_url=others, **given)

    return begin


async def test_predictions_and_explanations_of_one_deployment_go_to_its_endpoint(with_endpoint, endpoint):
    async with await with_endpoint(endpoint.url) as gateway:
        predicted = await gateway.client.post("/api/v1/deployments/late/predict", json=ROW)
        explained = await gateway.client.post("/api/v1/deployments/late/explain", json=ROW)
        other = await gateway.client.post("/api/v1/deployments/other/predict", json=ROW)
        foreign = await foreign_project(gateway)

    assert predicted.json() == {"mine": "/api/v1/deployments/late/predict", "asked": ROW}
    assert explained.json()["mine"] == "/api/v1/deployments/late/explain"
    assert (other.json()["model"], foreign.json()) == ("other", OTHERS)
    assert Counter(each["Authorization"].partition(" ")[0] for each in endpoint.seen) == {"Bearer": 2}
    assert gateway.admin_key not in str(endpoint.seen)


async def foreign_project(gateway):
    """What a deployment of the same name in another project answers."""
    made = await gateway.client.post("/api/v1/projects", json={"slug": "foreign"})
    key = await gateway.new_key("predictions:make", project_id=made.json()["id"])
    async with gateway.as_key(key) as client:
        return await client.post("/api/v1/deployments/late/predict", json=ROW)


async def test_a_key_without_the_permission_reaches_no_endpoint(with_endpoint, endpoint):
    async with (
        await with_endpoint(endpoint.url) as gateway,
        gateway.as_key(await gateway.new_key("models:read")) as key,
    ):
        refused = await key.post("/api/v1/deployments/late/predict", json=ROW)

    assert (refused.status_code, endpoint.seen) == (403, [])


async def test_an_endpoint_that_is_away_costs_nobody_an_answer(with_endpoint):
    async with await with_endpoint(f"http://127.0.0.1:{free_port()}") as gateway:
        answers = [await gateway.client.post("/api/v1/deployments/late/predict", json=ROW) for _ in range(3)]

    assert [each.json() for each in answers] == [OTHERS] * 3


@pytest.mark.parametrize("fault", ["breaks", "silent"])
async def test_an_endpoint_that_does_not_end_its_answer_costs_nobody_his(with_endpoint, endpoint, fault):
    setattr(endpoint, fault, True)
    async with await with_endpoint(endpoint.url, silence_seconds=1) as gateway:
        answers = [await gateway.client.post("/api/v1/deployments/late/predict", json=ROW) for _ in range(3)]

    assert [each.json() for each in answers] == [OTHERS] * 3
    assert len(endpoint.seen) == 1


async def test_what_an_endpoint_leaves_to_others_they_answer_and_it_is_not_asked_each_time(with_endpoint, endpoint):
    endpoint.leaves = True
    async with await with_endpoint(endpoint.url) as gateway:
        answers = [await gateway.client.post("/api/v1/deployments/late/predict", json=ROW) for _ in range(3)]

    assert [each.json() for each in answers] == [OTHERS] * 3
    assert len(endpoint.seen) == 1


async def test_an_endpoint_that_cannot_be_trusted_is_not_asked(with_endpoint, stranger):
    async with await with_endpoint(stranger.url) as gateway:
        answers = [await gateway.client.post("/api/v1/deployments/late/predict", json=ROW) for _ in range(2)]

    assert [each.json() for each in answers] == [OTHERS] * 2
    assert stranger.seen == []


async def test_where_the_shared_replicas_are_away_too_it_is_said_why_the_endpoint_was_not_asked(
    with_endpoint, stranger
):
    async with await with_endpoint(stranger.url, f"http://127.0.0.1:{free_port()}") as gateway:
        answers = [await gateway.client.post("/api/v1/deployments/late/predict", json=ROW) for _ in range(2)]

    assert [(each.status_code, each.json()["type"]) for each in answers] == [(503, "/problems/unavailable")] * 2
    for answer in answers:  # also while it is left alone
        assert "is away at the moment" in answer.json()["detail"]
        assert "its certificate was not verified" in answer.json()["detail"]
    assert stranger.seen == []


def rows(size: int) -> dict[str, list[dict[str, str]]]:
    """A body of this many bytes and some more."""
    return {"rows": [{"x": "y" * size}]}


async def test_large_bodies_go_to_the_endpoint_too_whole(with_endpoint, endpoint):
    large = rows(15 * MIB)
    async with await with_endpoint(endpoint.url) as gateway:
        answer = await gateway.client.post("/api/v1/deployments/late/predict", json=large)

    assert answer.json()["asked"] == large


async def test_large_bodies_are_answered_by_others_where_the_endpoint_leaves_them(with_endpoint, endpoint):
    endpoint.leaves = True
    async with await with_endpoint(endpoint.url) as gateway:
        answer = await gateway.client.post("/api/v1/deployments/late/predict", json=rows(70_000))

    assert (answer.json(), len(endpoint.seen)) == (OTHERS, 1)


async def test_large_bodies_that_do_not_fit_into_what_is_kept_go_to_the_shared_replicas(with_endpoint, endpoint):
    room = {"endpoint_body_bytes": MIB}
    async with await with_endpoint(endpoint.url, **room) as gateway:
        too_large = await gateway.client.post("/api/v1/deployments/late/predict", json=rows(MIB))
        of_no_length = await gateway.client.post(
            "/api/v1/deployments/late/predict", content=chunks(b'{"row": ', b'{"x": 1}}'), headers=JSON
        )
        fitting = [await gateway.client.post("/api/v1/deployments/late/predict", json=rows(MIB // 2)) for _ in range(4)]
        small = await gateway.client.post("/api/v1/deployments/late/predict", json=ROW)

    assert (too_large.json(), of_no_length.json()) == (OTHERS, OTHERS)
    # room that one body took is there for the next
    assert [each.json()["asked"] for each in fitting] == [rows(MIB // 2)] * 4
    assert small.json()["asked"] == ROW


async def test_large_bodies_at_a_time_share_the_room(with_endpoint, endpoint):
    async with await with_endpoint(endpoint.url, endpoint_body_bytes=MIB) as gateway:
        endpoint.waits = asyncio.Event()
        first = asyncio.create_task(gateway.client.post("/api/v1/deployments/late/predict", json=rows(MIB * 3 // 4)))
        while not endpoint.seen:
            await asyncio.sleep(0.01)
        second = await gateway.client.post("/api/v1/deployments/late/predict", json=rows(MIB * 3 // 4))
        endpoint.waits.set()
        answered = await first

    assert second.json() == OTHERS
    assert answered.json()["asked"] == rows(MIB * 3 // 4)


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_endpoints_are_no_services_of_the_installation(with_endpoint, endpoint):
    async with await with_endpoint(endpoint.url) as gateway:
        system = await gateway.client.get("/api/v1/system")

    assert endpoint.seen == []
    assert {each["name"] for each in system.json()["services"]} == {
        "gateway", "ingestion", "pipeline", "registry", "inference",
    }  # fmt: skip


async def test_nobody_outside_says_that_there_are_others(either):
    seen = await either.client.get("/api/v1/things/one", headers={ELSEWHERE: "may"})

    assert ELSEWHERE.lower() not in seen.json()["headers"]


@pytest.mark.parametrize(
    "endpoints", [{"default/late": "http://endpoint:8004"}, {"late": "http://endpoint:8004"}, {"x": "endpoint"}]
)
def test_an_endpoint_is_named_by_project_id_and_deployment(endpoints):
    with pytest.raises(ValidationError, match="endpoints"):
        GatewaySettings(endpoints=endpoints)


@pytest.mark.parametrize(
    ("address", "insecure", "is_refused"),
    [("https://late:8004", False, False), ("http://late:8004", True, False), ("http://late:8004", False, True)],
)
def test_production_asks_endpoints_in_the_clear_by_a_clear_word_only(address, insecure, is_refused):
    urls = {f"{name}_url": f"https://{name}-api:1" for name in PORTS}
    shared = SharedSettings(
        profile="production", form="distributed", allow_insecure=insecure, kafka_security_protocol="SASL_SSL", **urls
    )
    database = SecretStr("postgresql+asyncpg://u:p@h/d?ssl=require")
    name = "0198c1de-0000-7000-8000-000000000001/late"
    refusing = (
        pytest.raises(ValidationError, match=f"{name} in SKYULF_GATEWAY_ENDPOINTS") if is_refused else nullcontext()
    )

    with refusing:
        assert GatewaySettings(shared=shared, database_url=database, endpoints={name: address}).endpoints[name]
