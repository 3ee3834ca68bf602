"""Asking the services behind the gateway for themselves: short JSON calls through the same forwarder."""

import asyncio
from dataclasses import dataclass, field
from time import perf_counter
from urllib.parse import quote, urlencode

import orjson
from pydantic import JsonValue
from skyulf_service.errors import SkyulfError, UnavailableError
from skyulf_service.scope import Scope as Principality
from skyulf_service.signing.tokens import InternalTokenIssuer
from starlette.types import Message, Scope

from skyulf_gateway.clients.forwarding import Forwarder

SYSTEM = Principality.system("gateway")
PATIENCE_SECONDS = 5.0


@dataclass(slots=True)
class Answer:
    """A whole answer. ``seconds`` is how long it took."""

    status: int = 0
    body: bytearray = field(default_factory=bytearray)
    seconds: float = 0.0

    def json(self) -> JsonValue:
        """The body as JSON; None where it is none."""
        try:
            found: JsonValue = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None
        return found


class Neighbours:
    """Calls services in the gateway's own name."""

    def __init__(self, forwarder: Forwarder, tokens: InternalTokenIssuer) -> None:
        self._forwarder = forwarder
        self._tokens = tokens

    @property
    def names(self) -> list[str]:
        """The services that can be asked."""
        return sorted(self._forwarder.services)

    async def call(self, service: str, method: str, path: str, query: dict[str, str] | None = None) -> Answer:
        """Make one call without a body. Raises `SkyulfError` where the service does not answer within 5 s."""
        answer, began = Answer(), perf_counter()

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
            else:
                answer.body += message.get("body", b"")

        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._forwarder.forward(service, self._scope(service, method, path, query), _no_body(), send)
        except SkyulfError:
            raise
        except Exception as error:
            raise UnavailableError(f"The service {service} does not answer.") from error
        answer.seconds = perf_counter() - began
        return answer

    def _scope(self, service: str, method: str, path: str, query: dict[str, str] | None) -> Scope:
        token = self._tokens.mint(service, SYSTEM)
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": quote(path).encode(),
            "query_string": urlencode(query or {}).encode(),
            "headers": [(b"authorization", b"Bearer " + token.encode())],
        }


class _no_body:
    """A request without a body, whose client stays."""

    def __init__(self) -> None:
        self._asked = False

    async def __call__(self) -> Message:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await asyncio.Event().wait()
        raise AssertionError("unreachable")
