"""Predictions, and which replicas hold a deployment."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Path, Request, Response
from skyulf_service.errors import FieldProblem, InvalidInputError
from skyulf_service.http.dependencies import CurrentScope, read_unit_of_work
from skyulf_service.http.direct import DirectRoute
from skyulf_service.http.identity import identify
from skyulf_service.http.json_body import read_json
from skyulf_service.http.problems import ELSEWHERE
from skyulf_service.http.requires import requires

from skyulf_inference.api.schemas import PredictRead, PredictRequest, ReplicaRead, ReplicasRead
from skyulf_inference.domain.errors import DeploymentUnknownError
from skyulf_inference.persistence.unit_of_work import InferenceUnitOfWork
from skyulf_inference.runtime.models import Live
from skyulf_inference.service.predict import Answer, Predictor

SLUG = r"^[a-z0-9][a-z0-9._-]{0,62}$"
Name = Annotated[str, Path(pattern=SLUG, description="The deployment's name", examples=["late-flights"])]
ReadUow = Annotated[InferenceUnitOfWork, Depends(read_unit_of_work(InferenceUnitOfWork), scope="function")]


def create_router(predictor: Predictor) -> APIRouter:
    """The endpoints of this replica."""
    router = APIRouter(prefix="/api/v1/deployments/{name}", tags=["predictions"])
    access = requires("predictions:make")
    access["openapi_extra"] = {**access["openapi_extra"], **_documented()}  # type: ignore[dict-item]  # OpenAPI's shape

    async def predict(request: Request, name: Name) -> Response:
        """Predict one row or many."""
        # Read by hand: a pydantic model of 10,000 rows costs more than predicting them.
        rows, single, intervals = asked_of(read_json(await request.body()))
        scope = await identify(request)
        live = await predictor.live(scope.require_project(), name, others=ELSEWHERE in request.headers)
        answer = await predictor.predict(live, rows, single=single, intervals=intervals)
        body = _body(answer, request)
        if intervals:
            body |= _how_sure(answer)
        return Response(orjson.dumps(body), media_type="application/json")

    router.add_api_route(
        "/predict", predict, methods=["POST"], response_model=PredictRead, route_class_override=DirectRoute, **access
    )

    @router.get("/replicas", **requires("models:read"))
    async def list_deployment_replicas(name: Name, uow: ReadUow, scope: CurrentScope) -> ReplicasRead:
        """Show what each live replica makes of the newest revision."""
        serving = await uow.servings.named(scope, name)
        if serving is None:
            raise DeploymentUnknownError(f"There is no deployment {name!r} in this project.")
        states = await uow.replicas.states(serving)
        return ReplicasRead(items=[ReplicaRead.of(state) for state in states], live=await uow.replicas.live(serving))

    return router


def asked_of(body: object) -> tuple[list[dict[str, object]], bool, bool]:
    """Take the rows out of a body; says whether it was a single one, and whether intervals are asked for.

    Raises `InvalidInputError`.
    """
    match body:
        case {"intervals": bool(intervals), **rest}:
            return *rows_of(rest), intervals
        case {"intervals": _}:
            problem = FieldProblem("/intervals", "must be true or false", "wrong-type")
            raise InvalidInputError("intervals says whether they are asked for.", errors=[problem])
    return *rows_of(body), False


def rows_of(body: object) -> tuple[list[dict[str, object]], bool]:
    """Take the rows out of a body; says whether it was a single one. Raises `InvalidInputError`."""
    match body:
        case {"row": dict(row), **rest} if not rest:
            return [row], True
        case {"rows": list(rows), **rest} if not rest and rows:
            return rows, False
    problem = FieldProblem("", 'must be {"rows": [{…}, …]} with at least one row, or {"row": {…}}', "wrong-shape")
    raise InvalidInputError("Send rows as a list of objects, or one row as an object.", errors=[problem])


def answered_by(live: Live, request: Request) -> dict[str, object]:
    """Return what every answer of a deployment says of itself: which model gave it, to which request."""
    return {
        "deployment": live.deployment,
        "deployment_revision": live.revision,
        "model": live.model,
        "model_version": live.model_version,
        "request_id": str(request.scope.get("state", {}).get("request_id", "")),
    }


def _how_sure(answer: Answer) -> dict[str, object]:
    conformal = answer.live.loaded.plan.document.conformal
    return {
        "intervals": answer.batch.intervals,
        "sets": answer.batch.sets,
        "coverage": None if conformal is None else conformal.coverage,
    }


def _body(answer: Answer, request: Request) -> dict[str, object]:
    return {
        "predictions": answer.batch.predictions,
        "probabilities": answer.batch.probabilities,
        **answered_by(answer.live, request),
    }


def _documented() -> dict[str, object]:
    schema = PredictRequest.model_json_schema()
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
