"""The gateway's app as the server sees it: the door in front of the service's own app."""

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send


class DoorApp(FastAPI):
    """Looks like the service's app (state, lifespan, document), and lets every request pass the door first."""

    def __init__(self, own: FastAPI, door: ASGIApp) -> None:
        super().__init__(title=own.title, openapi_url=None, docs_url=None, redoc_url=None)
        self.state = own.state
        self.router = own.router
        self._own = own
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the door; the lifespan is the service's own."""
        await (self._own if scope["type"] == "lifespan" else self._door)(scope, receive, send)

    def openapi(self) -> dict[str, object]:
        """The gateway's own operations."""
        return self._own.openapi()
