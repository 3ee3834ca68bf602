"""The size limit of request bodies, counted while they arrive: a Content-Length may lie or be absent."""

from typing import cast

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from skyulf_service.errors import TooLargeError
from skyulf_service.http.linger import RequestBody

SCOPE_KEY = "skyulf.body_limit"
STRANGERS = (401, 403)  # who may not come in does not make us read either


class BodyLimit:
    """How many bytes one request may send; raises `TooLargeError` out of ``receive``."""

    def __init__(self, maximum: int, scope: Scope, receive: Receive) -> None:
        self.maximum = maximum
        self._receive = receive
        self._seen = 0
        self._declared = _declared_length(scope)

    @staticmethod
    def of(scope: Scope) -> "BodyLimit":
        """The limit of a request below `BodyLimitMiddleware`."""
        return cast("BodyLimit", scope[SCOPE_KEY])

    def raise_to(self, maximum: int | None) -> None:
        """Put a route's own limit in place of the app's."""
        if maximum is not None:
            self.maximum = maximum

    async def receive(self) -> Message:
        """Receive the next message, counting."""
        if self._declared is not None and self._declared > self.maximum:
            raise self._too_large()
        message = await self._receive()
        self._seen += len(message.get("body", b""))
        if self._seen > self.maximum:
            raise self._too_large()
        return message

    def _too_large(self) -> TooLargeError:
        return TooLargeError(f"The body is larger than {self.maximum} bytes, the most that is accepted here.")


class BodyLimitMiddleware:
    """Puts a `BodyLimit` between the server and the app."""

    def __init__(self, app: ASGIApp, maximum: int) -> None:
        self.app = app
        self.maximum = maximum

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Limit requests; let everything else pass."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = RequestBody(scope["headers"], receive)
        limit = BodyLimit(self.maximum, scope, body.receive)
        scope[SCOPE_KEY] = limit

        patient = True

        async def answer(message: Message) -> None:
            nonlocal patient
            if message["type"] == "http.response.start":
                patient = message["status"] not in STRANGERS
            await (body.answer(message, send) if patient else send(message))

        await self.app(scope, limit.receive, answer)


def _declared_length(scope: Scope) -> int | None:
    text = Headers(scope=scope).get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() else None
