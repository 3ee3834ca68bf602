"""Permissions, declared where a route is written. A route without one stops the start (default deny)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypedDict

from fastapi import Depends
from fastapi.params import Depends as DependsMarker
from starlette.requests import HTTPConnection

from skyulf_service.errors import ForbiddenError
from skyulf_service.http.identity import identify
from skyulf_service.scope import Scope

PERMISSION = "x-skyulf-permission"
ANYONE = "anyone"
AUTHENTICATED = "authenticated"
SERVICE = "service"
OPERATE = "system:operate"


class RouteArguments(TypedDict):
    """What `requires` adds to a route's decorator."""

    dependencies: list[DependsMarker]
    openapi_extra: dict[str, str]


class SocketArguments(TypedDict):
    """What `requires_socket` adds to a WebSocket route's decorator."""

    dependencies: list[DependsMarker]


@dataclass(frozen=True, slots=True)
class RouteAccess:
    """Who may use a route, and how large its body may be (None: the app's limit, bytes).

    As a dependency it checks again what the app checked before reading the body, for sockets it is the only check.
    """

    permission: str
    max_body_bytes: int | None = None

    async def __call__(self, connection: HTTPConnection) -> None:
        """Refuse the connection where its principal may not use the route."""
        await self.authorise(connection)

    async def authorise(self, connection: HTTPConnection) -> None:
        """Raise `UnauthenticatedError` without an identity, `ForbiddenError` without the permission."""
        if self.permission == ANYONE:
            return
        scope = await identify(connection)
        if not self.admits(scope):
            raise ForbiddenError(f"This needs the permission {self.permission}, which the caller does not have.")

    def admits(self, scope: Scope) -> bool:
        """Whether a principal may use the route."""
        if self.permission in (ANYONE, AUTHENTICATED):
            return True
        if self.permission == SERVICE:
            return scope.subject.startswith("service:") or scope.allows(OPERATE)
        return scope.allows(self.permission)


def requires(permission: str, *, max_body_bytes: int | None = None) -> RouteArguments:
    """Say which permission a route needs: ``@router.post("", **requires("datasets:write"))``.

    ``max_body_bytes`` replaces the app's limit for this route's body (uploads).
    """
    area, colon, verb = permission.partition(":")
    if not (area and colon and verb) and permission not in (ANYONE, AUTHENTICATED, SERVICE):
        raise ValueError(f"a permission is written <area>:<verb>, not {permission!r}")
    access = RouteAccess(permission, max_body_bytes)
    return {"dependencies": [Depends(access)], "openapi_extra": {PERMISSION: permission}}


def requires_service() -> RouteArguments:
    """Open a route to our own services and to operators (``system:operate``) only: what is below ``/internal``."""
    return requires(SERVICE)


def requires_identity(*, max_body_bytes: int | None = None) -> RouteArguments:
    """Open a route to every authenticated principal, such as what shows somebody their own account."""
    return requires(AUTHENTICATED, max_body_bytes=max_body_bytes)


def allow_anyone(*, max_body_bytes: int | None = None) -> RouteArguments:
    """Open a route to everybody, on purpose: sign-in, published keys, health of a protocol."""
    return requires(ANYONE, max_body_bytes=max_body_bytes)


def requires_socket(permission: str) -> SocketArguments:
    """As `requires`, for ``@router.websocket``: the check comes before the socket is accepted."""
    return {"dependencies": requires(permission)["dependencies"]}


def access_of(dependencies: list[DependsMarker]) -> RouteAccess | None:
    """The declaration among a route's dependencies; the last one wins over its router's."""
    found: RouteAccess | None = None
    for marker in dependencies:
        call: Callable[..., object] | None = marker.dependency
        if isinstance(call, RouteAccess):
            found = call
    return found
