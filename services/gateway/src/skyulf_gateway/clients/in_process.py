"""Services in the same process: their ASGI apps are called directly, so nothing is buffered on the way."""

from collections.abc import Mapping

from starlette.types import ASGIApp, Receive, Scope, Send

from skyulf_gateway.clients.forwarding import unknown

# What the server says of a request; the rest of a scope (state, endpoint, limits …) belongs to the app that is left.
KEPT = (
    "type",
    "asgi",
    "http_version",
    "method",
    "scheme",
    "path",
    "raw_path",
    "query_string",
    "client",
    "server",
    "extensions",
)


class InProcessForwarder:
    """Forwards to ASGI apps by name."""

    def __init__(self, apps: Mapping[str, ASGIApp]) -> None:
        self._apps = apps

    @property
    def services(self) -> frozenset[str]:
        """The names of the apps."""
        return frozenset(self._apps)

    async def forward(self, service: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the app with a scope of its own."""
        app = self._apps.get(service)
        if app is None:
            raise unknown(service)
        own = {name: scope[name] for name in KEPT if name in scope}
        own["headers"] = [(b"host", service.encode()), *scope["headers"]]
        own["root_path"] = ""
        own["state"] = {}
        await app(own, receive, send)
