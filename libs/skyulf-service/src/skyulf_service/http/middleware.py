"""Pure ASGI middleware around every request: its id, its metrics, its last line of defence."""

import re
from collections.abc import Callable
from time import perf_counter

import structlog
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from skyulf_service.http.problems import CLIENT_CLOSED, internal_error
from skyulf_service.http.routes import RouteTable
from skyulf_service.ids import new_id
from skyulf_service.telemetry.logging import bound
from skyulf_service.telemetry.metrics import HTTP_IN_FLIGHT, HTTP_SECONDS, exemplar

log = structlog.get_logger(__name__)

_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_STARTS = frozenset({"http.response.start", "websocket.accept", "websocket.http.response.start"})
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})


class RequestIdMiddleware:
    """Gives every request an id, in its state, in the log and in the answer.

    The id of a caller is taken over only where ``trusts`` says that it is one of our own services: an outsider could
    otherwise write lines into our log under somebody else's id.
    """

    def __init__(self, app: ASGIApp, trusts: Callable[[HTTPConnection], bool]) -> None:
        self.app = app
        self.trusts = trusts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request or socket under its id."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        request_id = self._request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_with_id(message: Message) -> None:
            if message["type"] in _STARTS:
                message.setdefault("headers", [])
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)

        with bound(request_id=request_id):
            await self.app(scope, receive, send_with_id)

    def _request_id(self, scope: Scope) -> str:
        offered = Headers(scope=scope).get("x-request-id", "")
        if offered and _REQUEST_ID.fullmatch(offered) and self.trusts(HTTPConnection(scope)):
            return offered
        return str(new_id())


class GuardMiddleware:
    """Measures requests, and answers what nothing inside could: a bug is a 500 problem and a log entry.

    Where the answer had begun, the error goes on to the server, which cuts the connection: a cut-off answer must not
    look whole.
    """

    def __init__(self, app: ASGIApp, service: str) -> None:
        self.app = app
        self.service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; sockets and lifespan pass."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answer = _Answer(scope, send)
        started = perf_counter()
        in_flight = HTTP_IN_FLIGHT.labels(self.service)
        in_flight.inc()
        try:
            await self._guarded(answer, scope, receive)
        finally:
            in_flight.dec()
            self._measure(scope, answer.status, perf_counter() - started)

    async def _guarded(self, answer: "_Answer", scope: Scope, receive: Receive) -> None:
        try:
            await self.app(scope, receive, answer.send)
        except ClientDisconnect:
            answer.status = CLIENT_CLOSED
        except Exception:
            log.exception("request.failed", method=scope["method"], path=scope["path"])
            if answer.started:
                raise
            await internal_error(HTTPConnection(scope))(scope, receive, answer.send)

    def _measure(self, scope: Scope, status: int, seconds: float) -> None:
        table: RouteTable | None = getattr(scope["app"].state, "route_table", None)
        operation = table.find(scope) if table is not None else None
        route = operation.path if operation is not None else _unlisted(scope)
        method = scope["method"] if scope["method"] in _METHODS else "other"
        HTTP_SECONDS.labels(self.service, method, route, str(status)).observe(seconds, exemplar())
        log.debug("request.answered", method=method, route=route, status=status, seconds=round(seconds, 4))


class _Answer:
    """Watches an answer go out, and closes connections while the process drains."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._app: Starlette = scope["app"]
        self._send = send
        self.started = False
        self.status = 500

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self.status = message["status"]
            if getattr(self._app.state, "draining", False):
                # the client opens its next connection elsewhere, instead of meeting a closed one here
                message.setdefault("headers", [])
                MutableHeaders(scope=message)["Connection"] = "close"
        await self._send(message)


def _unlisted(scope: Scope) -> str:
    path: str = scope["path"]
    return path if path in ("/livez", "/readyz", "/metrics", "/openapi.json") else "unmatched"
