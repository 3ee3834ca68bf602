"""Predictions of a deployment that has an endpoint of its own: they go there, and nobody is refused because of it."""

from collections import Counter
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from pydantic import ValidationError
from skyulf_gateway.settings import GatewaySettings
from skyulf_service.http.problems import ELSEWHERE
from skyulf_service.testing.ports import free_port

ROW = {"row": {"x": 1}}
OTHERS = {"predictions": [1.0], "model": "late", "model_version": 1}  # what the neighbour program answers


class Endpoint:
    """Answers predictions of its own; ``leaves`` them to others where it is told that there are some."""

    def __init__(self) -> None:
        self.url = ""
        self.seen: list[dict[str, str]] = []
        self.leaves = False

    async def answer(self, request: web.Request) -> web.Response:
        self.seen.append(dict(request.headers))
        if self.leaves and ELSEWHERE in request.headers:
            return web.Response(status=503, headers={ELSEWHERE: "may"})
        return web.json_response({"mine": request.path, "asked": await request.json()})


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    made, app, port = Endpoint(), web.Application(), free_port()
    app.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    made.url = f"http://127.0.0.1:{port}"
    yield made
    await runner.cleanup()


@pytest.fixture
def with_endpoint(start, sqlite_url, registry_url):
    """Starts a gateway whose deployment `late` has an endpoint at an address."""

    async def project() -> str:
        async with start(sqlite_url, form="distributed", registry_url=registry_url) as first:
            return str((await first.client.get("/api/v1/auth/me")).json()["project"]["id"])

    async def begin(url: str):
        endpoints = {f"{await project()}/late": url}
        return start(sqlite_url, form="distributed", registry_url=registry_url, endpoints=endpoints, connect_seconds=2)

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


async def test_what_an_endpoint_leaves_to_others_they_answer_and_it_is_not_asked_each_time(with_endpoint, endpoint):
    endpoint.leaves = True
    async with await with_endpoint(endpoint.url) as gateway:
        answers = [await gateway.client.post("/api/v1/deployments/late/predict", json=ROW) for _ in range(3)]

    assert [each.json() for each in answers] == [OTHERS] * 3
    assert len(endpoint.seen) == 1


async def test_a_body_that_cannot_be_sent_twice_goes_to_the_shared_replicas(with_endpoint, endpoint):
    large = {"rows": [{"x": "y" * 70_000}]}
    async with await with_endpoint(endpoint.url) as gateway:
        answer = await gateway.client.post("/api/v1/deployments/late/predict", json=large)

    assert (answer.json(), endpoint.seen) == (OTHERS, [])


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
