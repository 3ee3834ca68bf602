"""Endpoints that a deployment has of its own go first; where one cannot answer, everybody's replicas do."""

from collections.abc import Mapping
from time import monotonic

from skyulf_service.errors import UnavailableError
from skyulf_service.http.problems import ELSEWHERE
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from skyulf_gateway.clients.forwarding import Forwarder
from skyulf_gateway.domain.errors import BadGatewayError, GatewayTimeoutError, OverloadedError

# as many bytes are kept of every request; beyond, requests share the room that there is
SMALL_BODY = 64 * 1024
ROOM = 64 * 2**20
# an endpoint that is away costs a request the time to connect: not every one
REST_SECONDS = 5.0
ENDPOINT = "skyulf.endpoint"
"""Where a request's scope names the endpoint that is asked first."""


class Dedicated:
    """Hands requests that name an endpoint to it, and all others to the services.

    An endpoint that is away, cannot be trusted, breaks off, keeps silent, or says that others may answer (it holds
    another version than its deployment names), is passed over for ``rest`` seconds. So a prediction is never refused
    because of an endpoint, nor answered by a version that was taken back. For that a body is kept until the endpoint
    has answered: ``room`` bytes of large ones at a time. Those that do not fit, or do not say how long they are, go to
    everybody's replicas.
    """

    def __init__(
        self, services: Forwarder, endpoints: Forwarder, *, rest: float = REST_SECONDS, room: int = ROOM
    ) -> None:
        self._services, self._endpoints = services, endpoints
        self._rest, self._room = rest, room
        self._resting: dict[str, tuple[float, str]] = {}

    @property
    def services(self) -> frozenset[str]:
        """The names of the services that can be reached; endpoints are none."""
        return self._services.services

    async def forward(self, service: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward one request."""
        endpoint = scope.get(ENDPOINT)
        if endpoint is None:
            await self._services.forward(service, scope, receive, send)
            return
        why = self._why_it_rests(endpoint)
        needed = _needed(scope)
        if why is not None or needed is None or needed > self._room:
            await self._others(service, scope, receive, send, why=why)
            return
        self._room -= needed
        try:
            body = await _whole(receive)
            why = await self._asked(endpoint, scope, _Again(body, receive), send)
            if why is not None:
                await self._others(service, scope, _Again(body, receive), send, why=why)
        finally:
            self._room += needed

    async def _others(self, service: str, scope: Scope, receive: Receive, send: Send, *, why: str | None) -> None:
        """Ask everybody's replicas; where they are away too, the refusal also says why the endpoint was not asked."""
        try:
            await self._services.forward(service, scope, receive, send)
        except UnavailableError as error:
            if why is not None and not isinstance(error, OverloadedError):
                error.detail = f"{error.detail} {why}"
            raise

    async def _asked(self, endpoint: str, scope: Scope, receive: Receive, send: Send) -> str | None:
        """Ask the endpoint; returns why it has not answered, where others may."""
        asked = {**scope, "headers": [*scope["headers"], (ELSEWHERE.lower().encode(), b"may")]}
        try:
            await self._endpoints.forward(endpoint, asked, receive, send)
        except OverloadedError as error:
            return error.detail  # it has enough to do: others help, and it goes on
        except (UnavailableError, BadGatewayError, GatewayTimeoutError) as error:
            # raised before an answer began; and whoever predicts twice has changed nothing
            self._resting[endpoint] = monotonic() + self._rest, error.detail
            return error.detail
        return None

    def _why_it_rests(self, endpoint: str) -> str | None:
        until, why = self._resting.get(endpoint, (0.0, ""))
        return why if monotonic() < until else None


class _Again:
    """A body that was read, as if it came only now, in pieces; what comes after it is the client's."""

    def __init__(self, body: bytearray, then: Receive) -> None:
        self._body, self._at = body, 0
        self._is_over = False
        self._then = then

    async def __call__(self) -> Message:
        if self._is_over:
            return await self._then()
        piece = bytes(self._body[self._at : self._at + SMALL_BODY])
        self._at += len(piece)
        self._is_over = self._at == len(self._body)
        return {"type": "http.request", "body": piece, "more_body": not self._is_over}


async def _whole(receive: Receive) -> bytearray:
    chunks = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunks += message.get("body", b"")
        if not message.get("more_body", False):
            return chunks


def _needed(scope: Scope) -> int | None:
    """The room that keeping the request's body takes; None where nobody knows, as it comes in chunks."""
    headers: Mapping[bytes, bytes] = dict(scope["headers"])
    length = None if b"transfer-encoding" in headers else int(headers.get(b"content-length", b"0"))
    return 0 if length is not None and length <= SMALL_BODY else length
