"""Endpoints that a deployment has of its own go first; where one cannot answer, everybody's replicas do."""

from collections.abc import Mapping
from time import monotonic

from skyulf_service.errors import UnavailableError
from skyulf_service.http.problems import ELSEWHERE
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from skyulf_gateway.clients.forwarding import Forwarder
from skyulf_gateway.domain.errors import OverloadedError

# larger ones would have to be kept until the endpoint has answered, for many requests at a time
LARGEST_BODY = 64 * 1024
# an endpoint that is away costs a request the time to connect: not every one
REST_SECONDS = 5.0
ENDPOINT = "skyulf.endpoint"
"""Where a request's scope names the endpoint that is asked first."""


class Dedicated:
    """Hands requests that name an endpoint to it, and all others to the services.

    An endpoint that is away, or says that others may answer (it holds another version than its deployment names), is
    passed over for a few seconds. So a prediction is never refused because of an endpoint, nor answered by a version
    that was taken back. Bodies that are not small go to everybody's replicas: they cannot be sent twice.
    """

    def __init__(self, services: Forwarder, endpoints: Forwarder, *, rest: float = REST_SECONDS) -> None:
        self._services, self._endpoints = services, endpoints
        self._rest = rest
        self._resting: dict[str, float] = {}

    @property
    def services(self) -> frozenset[str]:
        """The names of the services that can be reached; endpoints are none."""
        return self._services.services

    async def forward(self, service: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward one request."""
        endpoint = scope.get(ENDPOINT)
        if endpoint is not None and _is_small(scope) and monotonic() >= self._resting.get(endpoint, 0.0):
            body = await _whole(receive)
            asked = {**scope, "headers": [*scope["headers"], (ELSEWHERE.lower().encode(), b"may")]}
            try:
                await self._endpoints.forward(endpoint, asked, _Again(body, receive), send)
                return
            except OverloadedError:
                pass  # it has enough to do: others help, and it goes on
            except UnavailableError:
                self._resting[endpoint] = monotonic() + self._rest
            receive = _Again(body, receive)
        await self._services.forward(service, scope, receive, send)


class _Again:
    """A body that was read, as if it came only now; what comes after it is the client's."""

    def __init__(self, body: bytes, then: Receive) -> None:
        self._body: bytes | None = body
        self._then = then

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._then()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


async def _whole(receive: Receive) -> bytes:
    chunks = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunks += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(chunks)


def _is_small(scope: Scope) -> bool:
    headers: Mapping[bytes, bytes] = dict(scope["headers"])
    return b"transfer-encoding" not in headers and int(headers.get(b"content-length", b"0")) <= LARGEST_BODY
