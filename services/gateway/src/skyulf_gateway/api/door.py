"""The door: every request of the outside passes here, in plain ASGI, before any service sees it.

Order: path → identity → permission → forward. Refusals are problem documents of the door itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from time import perf_counter

import structlog
from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.trace import Tracer
from skyulf_service.errors import ForbiddenError, SkyulfError
from skyulf_service.http.linger import RequestBody
from skyulf_service.http.problems import internal_error, problem_response
from skyulf_service.http.requires import ANYONE, AUTHENTICATED
from skyulf_service.ids import utc_now
from skyulf_service.scope import Scope as Principality
from skyulf_service.signing.tokens import InternalTokenIssuer
from skyulf_service.telemetry.metrics import HTTP_SECONDS
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from skyulf_gateway.api import headers
from skyulf_gateway.api.paths import Match, MethodNotAllowed, PathTable
from skyulf_gateway.api.tracing import Trace
from skyulf_gateway.clients.dedicated import ENDPOINT
from skyulf_gateway.clients.forwarding import Forwarder
from skyulf_gateway.domain.audit import CLIENT_GONE, AuditEntry
from skyulf_gateway.domain.keys import Principal
from skyulf_gateway.domain.permissions import ORGANISATION_WIDE
from skyulf_gateway.runtime.audit import AuditWriter
from skyulf_gateway.runtime.identity import Identity

log = structlog.get_logger(__name__)

OWN = "gateway"
HEALTH = frozenset({"/livez", "/readyz", "/metrics"})
PREDICT = "predictions:make"
UNAUDITED = frozenset({PREDICT})
LOOKS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Behind:
    """What is behind the door."""

    app: FastAPI
    pages: Mapping[str, ASGIApp]
    table: PathTable
    forwarder: Forwarder
    identity: Identity
    tokens: InternalTokenIssuer
    audit: AuditWriter
    # deployments with an endpoint of their own, each as <project id>/<name>
    endpoints: frozenset[str] = frozenset()
    # asked for once: asking costs more than a span
    tracer: Tracer = field(default_factory=lambda: trace.get_tracer("skyulf"))


class Door:
    """Finds, identifies, permits and forwards; the gateway's own operations are forwarded to its own app."""

    def __init__(self, behind: Behind) -> None:
        self._behind = behind

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; sockets are refused, as nothing here declares one."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "there is nothing at this path"})
        else:
            await _Visit(self._behind, scope, receive, send).run()


class _Visit:
    """One request at the door."""

    __slots__ = (
        "_behind", "_body", "_elsewhere", "_match", "_policy", "_principal", "_request_id", "_scope", "_send",
        "_started", "_status", "_trace",
    )  # fmt: skip

    def __init__(self, behind: Behind, scope: Scope, receive: Receive, send: Send) -> None:
        self._behind, self._scope, self._send = behind, scope, send
        self._body = RequestBody(scope["headers"], receive)
        self._request_id = headers.request_id(scope["headers"])
        self._policy = headers.API_POLICY
        self._match: Match | None = None
        self._principal: Principal | None = None
        self._trace: Trace | None = None
        self._elsewhere = False
        self._started = False
        self._status = CLIENT_GONE

    async def run(self) -> None:
        """Answer the request, measure it, and note what it changed."""
        began = perf_counter()
        try:
            await self._guarded()
        finally:
            if not self._elsewhere:
                self._measure(perf_counter() - began)
            if self._trace is not None:
                self._trace.end(self._status)
            await self._note()

    async def _guarded(self) -> None:
        try:
            await self._enter()
        except ClientDisconnect:
            pass
        except SkyulfError as error:
            if self._started:
                raise
            await self._refuse(error)
        except Exception:
            log.exception("request.failed", path=self._scope["path"], request_id=self._request_id)
            if self._started:
                raise  # the server cuts the connection: an answer that broke off must not look whole
            await internal_error(self._connection())(self._scope, _nothing, self._answer)

    async def _enter(self) -> None:
        receive = self._body.receive
        path: str = self._scope["path"]
        if path in HEALTH:
            self._elsewhere = True
            await self._behind.app(self._scope, receive, self._answer)
            return
        page = self._behind.pages.get(path.partition("/")[2].partition("/")[0])
        if page is not None:
            self._policy = headers.DOCS_POLICY
            await page(self._scope, receive, self._answer)
            return
        match = self._behind.table.find(self._scope["method"], self._scope["raw_path"])
        self._match = match
        span = self._trace = Trace(self._behind.tracer, self._scope["headers"], match.route)
        inward = await self._inward(match, span)
        # the gateway's own app measures what it answers
        self._elsewhere = match.route.service == OWN
        await self._behind.forwarder.forward(match.route.service, inward, receive, self._answer)

    def _endpoint(self, match: Match) -> str | None:
        """The endpoint that the deployment has of its own, where predictions of it are asked for."""
        if not self._behind.endpoints or match.route.permission != PREDICT or self._principal is None:
            return None
        own = f"{self._principal.project_id}/{match.objects().get('name')}"
        return own if own in self._behind.endpoints else None

    async def _inward(self, match: Match, span: Trace) -> Scope:
        """The request as the service shall see it."""
        found: list[tuple[bytes, bytes]] = self._scope["headers"]
        permission, token = match.route.permission, None
        if permission != ANYONE:
            principal = self._principal = await self._behind.identity.principal(found)
            _permit(principal, permission)
            asking = Principality(principal.project_id, principal.subject, principal.permissions)
            token = self._behind.tokens.mint(match.route.service, asking)
        return {
            **self._scope,
            ENDPOINT: self._endpoint(match),
            "headers": headers.forwarded(found, token=token, request_id=self._request_id, traceparent=span.traceparent),
        }

    async def _answer(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._started = True
            self._status = message["status"]
            secure = self._scope["scheme"] == "https"
            passed = headers.answered(
                list(message.get("headers", ())), request_id=self._request_id, policy=self._policy, secure=secure
            )
            if self._status == 413 or getattr(self._behind.app.state, "draining", False):
                passed = [pair for pair in passed if pair[0].lower() != b"connection"]
                passed.append((b"connection", b"close"))
            message = {**message, "headers": passed}
        await self._body.answer(message, self._send)

    def _measure(self, seconds: float) -> None:
        path, method = (
            ("unmatched", "other") if self._match is None else (self._match.route.path, self._match.route.method)
        )
        found = None if self._trace is None else self._trace.exemplar()
        HTTP_SECONDS.labels(OWN, method, path, str(self._status)).observe(seconds, found)

    async def _refuse(self, error: SkyulfError) -> None:
        if error.status >= 500:
            log.warning("request.refused", code=error.code, detail=error.detail, request_id=self._request_id)
        allow = {"Allow": error.allowed} if isinstance(error, MethodNotAllowed) else None
        await problem_response(self._connection(), error, allow)(self._scope, _nothing, self._answer)

    async def _note(self) -> None:
        if self._match is None or self._principal is None:
            return
        route = self._match.route
        if route.method in LOOKS or route.permission in UNAUDITED:
            return
        await self._behind.audit.record(
            AuditEntry(
                project_id=self._principal.project_id,
                organisation_id=self._principal.organisation_id,
                subject=self._principal.subject,
                operation=route.operation_id,
                service=route.service,
                method=route.method,
                path=route.path,
                status=self._status,
                request_id=self._request_id,
                at=utc_now(),
                objects=self._match.objects(),
            )
        )

    def _connection(self) -> HTTPConnection:
        self._scope.setdefault("state", {})["request_id"] = self._request_id
        return HTTPConnection(self._scope)


def _permit(principal: Principal, permission: str) -> None:
    if permission == AUTHENTICATED or principal.may(permission):
        return
    if permission in ORGANISATION_WIDE:
        raise ForbiddenError(f"This needs a key of the organisation with the permission {permission}.")
    raise ForbiddenError(f"This needs the permission {permission}, which the key does not have.")


async def _nothing() -> Message:
    return {"type": "http.disconnect"}
