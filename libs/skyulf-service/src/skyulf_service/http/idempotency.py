"""Idempotency keys: a POST that is sent again has one effect, and gets the answer of the first time.

::

    @router.post("/deployments", status_code=201, **requires("models:deploy"))
    async def create_deployment(
        body: DeploymentCreate, uow: Uow, scope: CurrentScope, idempotency: Idempotency
    ) -> DeploymentRead:
        async def create() -> DeploymentRead:
            return DeploymentRead.of(await service.deploy(uow, scope=scope, request=body.to_request()))

        return await idempotency.once(uow, scope, body, create)

``body`` is whatever makes the request what it is: the parsed body, a mapping, text, or the sha256 of a streamed
upload. Headers of the answer (``ETag``, ``Location``) are kept too, if they are set inside of ``create`` (on FastAPI's
``response``). An error rolls the key back with the rest, so that the next attempt is a first one.
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, TypeVar
from uuid import UUID

import orjson
from fastapi import Depends, FastAPI, Header, Request, Response
from pydantic import BaseModel, JsonValue

from skyulf_service.database.unit_of_work import UnitOfWork
from skyulf_service.errors import InvalidInputError
from skyulf_service.http.idempotency_store import IdempotencyStore, KeptAnswer, KeySlot
from skyulf_service.http.problems import handle
from skyulf_service.http.routes import RouteTable
from skyulf_service.scope import Scope
from skyulf_service.telemetry.metrics import HTTP_REPLAYS

T = TypeVar("T", bound=BaseModel | Response | None)

NO_PROJECT = UUID(int=0)  # part of a primary key, so it cannot be NULL

Fingerprinted = BaseModel | Mapping[str, JsonValue] | str | bytes | None


class IdempotencyMismatchError(InvalidInputError):
    """The key was used before, for another request."""

    code = "idempotency-mismatch"
    title = "Key used for another request"


class KnownAnswer(Exception):
    """The request was answered before; the app gives that answer again."""

    def __init__(self, answer: KeptAnswer) -> None:
        super().__init__("answered before")
        self.answer = answer


class IdempotentRequest:
    """One request and its key, if it has one."""

    def __init__(self, request: Request, response: Response, key: str | None) -> None:
        self._request = request
        self._response = response
        self._key = key

    async def once(self, uow: UnitOfWork, scope: Scope, body: Fingerprinted, make: Callable[[], Awaitable[T]]) -> T:
        """Call ``make`` and keep its answer in the transaction of ``uow``; without a key just call it.

        Raises `KnownAnswer` (the app answers with it) for a repeated request, `IdempotencyMismatchError` (422) where
        the key belongs to another request, `IdempotencyInProgressError` (409) where the first one is still running.
        """
        if self._key is None:
            return await make()
        slot = KeySlot(scope.subject, scope.project_id or NO_PROJECT, self._operation(), self._key)
        fingerprint = self._fingerprint(body)
        store = IdempotencyStore(uow.connection, uow.tables.idempotency_keys)
        known = await store.claim(slot, fingerprint)
        if known is not None:
            if known.fingerprint != fingerprint:
                raise IdempotencyMismatchError("This Idempotency-Key was used for another request; choose a new one.")
            raise KnownAnswer(known)
        result = await make()
        await store.keep(slot, self._answer(result, fingerprint))
        return result

    def _operation(self) -> str:
        table: RouteTable = self._request.app.state.route_table
        found = table.find(self._request.scope)
        return found.operation_id if found is not None else self._request.scope["path"]

    def _fingerprint(self, body: Fingerprinted) -> str:
        digest = hashlib.sha256(self._request.scope["path"].encode("utf-8", "surrogatepass"))
        digest.update(b"\x00" + self._request.scope.get("query_string", b"") + b"\x00" + _as_bytes(body))
        return digest.hexdigest()

    def _answer(self, result: BaseModel | Response | None, fingerprint: str) -> KeptAnswer:
        if isinstance(result, Response):
            headers = {key: value for key, value in result.headers.items() if key != "content-length"}
            return KeptAnswer(fingerprint, result.status_code, headers, bytes(result.body))
        status = self._response.status_code or getattr(self._request.scope["route"], "status_code", None) or 200
        headers = {key: value for key, value in self._response.headers.items() if key != "content-length"}
        if result is None:
            return KeptAnswer(fingerprint, status, headers, b"" if status == 204 else b"null")
        body = result.model_dump_json(by_alias=True).encode()
        return KeptAnswer(fingerprint, status, {**headers, "content-type": "application/json"}, body)


async def _idempotent_request(
    request: Request,
    response: Response,
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            min_length=1,
            max_length=255,
            pattern=r"^[\x21-\x7e]+$",
            description="A name of your choice for this request; sent again within 24 hours it has no second effect",
        ),
    ] = None,
) -> IdempotentRequest:
    return IdempotentRequest(request, response, key)


Idempotency = Annotated[IdempotentRequest, Depends(_idempotent_request)]


def install(app: FastAPI) -> None:
    """Let the app give known answers again."""
    handle(app, KnownAnswer, _on_known_answer)


async def _on_known_answer(request: Request, known: KnownAnswer) -> Response:
    HTTP_REPLAYS.labels(request.app.state.service).inc()
    headers = {**known.answer.headers, "Idempotent-Replayed": "true"}
    return Response(known.answer.body, status_code=known.answer.status, headers=headers)


def _as_bytes(body: Fingerprinted) -> bytes:
    if body is None:
        return b""
    if isinstance(body, bytes):
        return body
    if isinstance(body, str):
        return body.encode("utf-8", "surrogatepass")
    if isinstance(body, BaseModel):
        return body.model_dump_json().encode()
    return orjson.dumps(dict(body), option=orjson.OPT_SORT_KEYS)
