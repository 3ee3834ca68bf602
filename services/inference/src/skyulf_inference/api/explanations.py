"""Why a deployment answers as it does."""

import asyncio
from collections.abc import Coroutine

import orjson
from fastapi import APIRouter, Request, Response
from skyulf_core.serving.explaining import Explanations
from skyulf_service.http.direct import DirectRoute
from skyulf_service.http.identity import identify
from skyulf_service.http.json_body import read_json
from skyulf_service.http.problems import ELSEWHERE
from skyulf_service.http.requires import requires
from starlette.requests import ClientDisconnect

from skyulf_inference.api.predictions import Name, answered_by, rows_of
from skyulf_inference.api.schemas import ExplainRead, ExplainRequest
from skyulf_inference.runtime.models import Live
from skyulf_inference.service.explain import Explainers
from skyulf_inference.service.predict import Predictor


def create_router(predictor: Predictor, explainers: Explainers) -> APIRouter:
    """The endpoint of this replica."""
    router = APIRouter(prefix="/api/v1/deployments/{name}", tags=["predictions"])
    access = requires("predictions:make")
    access["openapi_extra"] = {**access["openapi_extra"], **_documented()}  # type: ignore[dict-item]  # OpenAPI's shape

    async def explain(request: Request, name: Name) -> Response:
        """Explain the answers to one row or many: what each column added, and a sentence.

        A request may have 100 rows and ask for 10 seconds of work, which its first rows tell: more is refused at once
        (413 `explanation-too-large`) with the number of rows that fit. Requests are worked for in turns: projects,
        deployments, requests. One that cannot be begun within 3 seconds, or that comes where 16 are held already, is
        answered 503 `explanations-busy`, and Retry-After says when to come back. The numbers are those of the settings'
        defaults. Work for a client that has left is stopped.
        """
        # Read by hand, as predictions are: a row is the same, and refused in the same words.
        rows, single = rows_of(read_json(await request.body()))
        scope = await identify(request)
        project_id = scope.require_project()
        live = await predictor.live(project_id, name, others=ELSEWHERE in request.headers)
        found = await _while_there(request, explainers.explain(project_id, live, rows, single=single))
        return Response(orjson.dumps(_body(found, live, request)), media_type="application/json")

    router.add_api_route(
        "/explain", explain, methods=["POST"], response_model=ExplainRead, route_class_override=DirectRoute, **access
    )
    return router


async def _while_there(request: Request, work: Coroutine[object, object, Explanations]) -> Explanations:
    """Return what the work finds. Cancels it, and raises `ClientDisconnect`, once nobody waits for the answer."""
    working, leaving = asyncio.create_task(work), asyncio.create_task(_gone(request))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _body(found: Explanations, live: Live, request: Request) -> dict[str, object]:
    return {
        "explanations": [
            {**row.to_dict(), "sentence": sentence} for row, sentence in zip(found.rows, found.sentences(), strict=True)
        ],
        "method": found.method,
        "per": found.per,
        "unit": found.unit,
        "background": found.background,
        **answered_by(live, request),
    }


def _documented() -> dict[str, object]:
    schema = ExplainRequest.model_json_schema()
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
