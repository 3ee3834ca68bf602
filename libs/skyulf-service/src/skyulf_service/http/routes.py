"""The table of an app's operations: what each needs, and what it is called in metrics and contracts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from fastapi.routing import APIRoute, APIWebSocketRoute, RouteContext, iter_route_contexts
from starlette.routing import BaseRoute
from starlette.types import Scope

from skyulf_service.http.requires import RouteAccess, access_of

GUARDED = ("/api/", "/internal/", "/p/", "/v2")


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path template, such as ``GET /api/v1/models/{name}``."""

    method: str
    path: str
    operation_id: str
    access: RouteAccess


class RouteTable:
    """Finds the operation of a request by the endpoint that routing chose."""

    def __init__(self, operations: Iterable[tuple[object, Operation]]) -> None:
        pairs = list(operations)
        self.operations: tuple[Operation, ...] = tuple(operation for _, operation in pairs)
        self._found = {(endpoint, operation.method): operation for endpoint, operation in reversed(pairs)}

    def find(self, scope: Scope) -> Operation | None:
        """Return the operation of a routed request; None for health routes and for what no route matched."""
        return self._found.get((scope.get("endpoint"), scope.get("method", "")))


def build_table(routes: Sequence[BaseRoute]) -> RouteTable:
    """Collect the operations of an app, or raise `ValueError` where one declares no permission or a name is taken."""
    pairs: list[tuple[object, Operation]] = []
    names: dict[str, str] = {}
    for context in iter_route_contexts(routes):
        access = _declared(context)
        if access is None or not isinstance(context.original_route, APIRoute):
            continue
        for method in sorted(context.methods or ()):
            operation = Operation(method, context.path_format or "", str(context.unique_id), access)
            _refuse_second_name(names, operation)
            pairs.append((context.endpoint, operation))
    return RouteTable(pairs)


def walk(router: APIRouter) -> Iterable[APIRoute]:
    """All API routes of a router, also of routers that it includes."""
    for context in iter_route_contexts(router.routes):
        if isinstance(context.original_route, APIRoute):
            yield context.original_route


def _declared(context: RouteContext) -> RouteAccess | None:
    route = context.original_route
    path = context.path or ""
    if isinstance(route, APIRoute):
        access = access_of(list(context.dependencies))
    elif isinstance(route, APIWebSocketRoute):
        called = [dependency.call for dependency in route.dependant.dependencies]
        access = next((call for call in called if isinstance(call, RouteAccess)), None)
    else:
        access = None
    if access is None and path.startswith(GUARDED):
        raise ValueError(f"{path} declares no permission: add **requires('<area>:<verb>') to its decorator")
    return access


def _refuse_second_name(names: dict[str, str], operation: Operation) -> None:
    place = f"{operation.method} {operation.path}"
    if names.setdefault(operation.operation_id, place) != place:
        raise ValueError(f"{place} and {names[operation.operation_id]} have one name, {operation.operation_id}")
