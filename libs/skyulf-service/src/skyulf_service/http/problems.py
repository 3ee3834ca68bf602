"""Errors as RFC 9457 problem documents, whatever part of the stack raised them."""

import http as http_status
from collections.abc import Awaitable, Callable, Mapping, Sequence
from math import ceil
from typing import TypeVar

import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.responses import Response

from skyulf_service.errors import FieldProblem, InvalidInputError, SkyulfError, TooLargeError, UnavailableError
from skyulf_service.http.validation import explain

E = TypeVar("E", bound=Exception)

log = structlog.get_logger(__name__)

ELSEWHERE = "Skyulf-Elsewhere"
"""The header of an answer that another replica of the service may not give: nothing was done for the request.

In a request it says that there are others to ask: who serves another version than its deployment names leaves it to
them.
"""
MEDIA_TYPE = "application/problem+json"
CLIENT_CLOSED = 499  # never seen by a client; nginx's number for "went away", for metrics and logs
CODES = {
    400: "invalid-input",
    401: "unauthenticated",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    409: "conflict",
    413: "too-large",
    415: "unsupported-type",
    422: "invalid-input",
    429: "rate-limited",
    503: "unavailable",
}


class FieldError(BaseModel):
    """One thing that is wrong with the request."""

    pointer: str = Field(description="JSON pointer into the body, or /query/…, /path/…, /header/…")
    detail: str
    code: str | None = None


class Problem(BaseModel):
    """A problem document (RFC 9457)."""

    type: str = Field(description="What kind of problem: /problems/<code>", examples=["/problems/not-found"])
    title: str
    status: int
    detail: str = Field(description="One sentence about this case, with what to do")
    instance: str | None = None
    request_id: str | None = Field(None, description="Quote it when you ask for help")
    errors: list[FieldError] | None = None


def problem_response(
    connection: HTTPConnection, error: SkyulfError, headers: Mapping[str, str] | None = None
) -> Response:
    """Render an error of ours."""
    return render(
        connection,
        status=error.status,
        code=error.code,
        title=error.title,
        detail=error.detail,
        errors=error.errors,
        headers={**_extra_headers(error), **(headers or {})},
    )


def render(
    connection: HTTPConnection,
    *,
    status: int,
    code: str,
    title: str,
    detail: str,
    errors: Sequence[FieldProblem] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Build the answer; empty members are left out."""
    document: dict[str, object] = {"type": f"/problems/{code}", "title": title, "status": status, "detail": detail}
    if connection.scope.get("path"):
        document["instance"] = connection.scope["path"]
    request_id = connection.scope.get("state", {}).get("request_id")
    if request_id is not None:
        document["request_id"] = request_id
    if errors:
        document["errors"] = [problem.to_dict() for problem in errors]
    return Response(_encode(document), status_code=status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def internal_error(connection: HTTPConnection) -> Response:
    """The answer for a bug of ours: nothing about its inside, but the id by which the log finds it."""
    return render(
        connection,
        status=500,
        code="internal",
        title="Internal error",
        detail="Something went wrong on our side; it has been logged under the request id.",
    )


def known_codes() -> dict[str, dict[str, str | int]]:
    """All problem codes of the modules loaded so far, for the committed list: code to status, title and meaning."""
    found: dict[str, dict[str, str | int]] = {
        "method-not-allowed": {
            "status": 405,
            "title": "Method not allowed",
            "meaning": "The address has other methods.",
        }
    }
    waiting: list[type[SkyulfError]] = [SkyulfError]
    while waiting:
        kind = waiting.pop()
        waiting.extend(kind.__subclasses__())
        meaning = (kind.__doc__ or "").strip().partition("\n")[0]
        # the nearest to the root explains the code; its subclasses are cases of it
        found.setdefault(kind.code, {"status": kind.status, "title": kind.title, "meaning": meaning})
    return dict(sorted(found.items()))


def install(app: FastAPI) -> None:
    """Answer every error of the app with a problem document."""
    handle(app, SkyulfError, _on_skyulf_error)
    handle(app, RequestValidationError, _on_invalid_request)
    handle(app, HTTPException, _on_http_exception)
    handle(app, RecursionError, _on_recursion)
    handle(app, ClientDisconnect, _on_disconnect)
    handle(app, DBAPIError, _on_database_error)
    handle(app, PoolTimeoutError, _on_database_error)


def handle(app: FastAPI, kind: type[E], answer: Callable[[Request, E], Awaitable[Response]]) -> None:
    """Register a handler for one type of error."""

    async def on_error(request: Request, error: Exception) -> Response:
        if not isinstance(error, kind):
            raise error
        return await answer(request, error)

    app.add_exception_handler(kind, on_error)


async def _on_skyulf_error(request: Request, error: SkyulfError) -> Response:
    if error.status >= 500:
        log.warning("request.refused", code=error.code, detail=error.detail)
    return problem_response(request, error)


async def _on_invalid_request(request: Request, error: RequestValidationError) -> Response:
    return problem_response(request, explain(request, error))


async def _on_http_exception(request: Request, error: HTTPException) -> Response:
    """Routing's 404 and 405, and what FastAPI wraps in a 400 when reading a body fails."""
    cause = error.__cause__
    if isinstance(cause, SkyulfError):
        return problem_response(request, cause)
    if isinstance(cause, ClientDisconnect):
        return await _on_disconnect(request, cause)
    if isinstance(cause, RecursionError):
        return await _on_recursion(request, cause)
    status = 422 if error.status_code == 400 else error.status_code
    title = _phrase(status)
    said = error.detail and error.detail != _phrase(error.status_code) and status != 422
    detail = error.detail if said else _routing_detail(request, status)
    code = CODES.get(status, title.lower().replace(" ", "-"))
    return render(request, status=status, code=code, title=title, detail=detail, headers=error.headers)


async def _on_recursion(request: Request, error: Exception) -> Response:
    log.warning("request.nested_too_deeply", path=request.scope["path"], exc_info=error)
    return problem_response(request, InvalidInputError("The request is nested too deeply; send a flatter one."))


async def _on_disconnect(request: Request, _error: Exception) -> Response:
    log.info("request.aborted", path=request.scope["path"])
    return Response(status_code=CLIENT_CLOSED)


async def _on_database_error(request: Request, error: DBAPIError | PoolTimeoutError) -> Response:
    """The database is away (503), or our statement is wrong (500)."""
    away = isinstance(error, OperationalError | InterfaceError | PoolTimeoutError) or (
        isinstance(error, DBAPIError) and error.connection_invalidated
    )
    if not away:
        log.error("request.failed", exc_info=error)
        return internal_error(request)
    log.warning("database.unavailable", error=type(error).__name__)
    return problem_response(request, UnavailableError("The database does not answer at the moment; try again shortly."))


def _routing_detail(request: Request, status: int) -> str:
    if status == 404:
        return f"There is nothing at {request.scope['path']}."
    if status == 405:
        return f"{request.method} is not possible here; the header Allow lists what is."
    if status == 422:
        return "The request's body could not be read."
    return f"{_phrase(status)}."


def _phrase(status: int) -> str:
    try:
        return http_status.HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def _extra_headers(error: SkyulfError) -> dict[str, str]:
    headers: dict[str, str] = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(max(1, ceil(error.retry_after)))
    if error.elsewhere:
        headers[ELSEWHERE] = "may"
    if error.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="skyulf"'
    if isinstance(error, TooLargeError):
        headers["Connection"] = "close"  # the rest of the body is not read, so the connection cannot be used again
    return headers


def _encode(document: dict[str, object]) -> bytes:
    try:
        return orjson.dumps(document)
    except TypeError:  # a lone surrogate that came in with the path
        path = str(document.pop("instance", ""))
        return orjson.dumps({key: _clean(value) for key, value in document.items()} | {"instance": _clean(path)})


def _clean(value: object) -> object:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
