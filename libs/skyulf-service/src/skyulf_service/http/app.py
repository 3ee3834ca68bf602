"""The app factory: one FastAPI app as every service has it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol, runtime_checkable

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.types import Scope as AsgiScope

from skyulf_service.database.unit_of_work import UnitOfWork, UnitOfWorks
from skyulf_service.http import idempotency, problems
from skyulf_service.http.health import Check, health_router, named
from skyulf_service.http.identity import Authenticator, TokenVerifier, as_authenticator
from skyulf_service.http.json_body import StrictRoute
from skyulf_service.http.limits import BodyLimitMiddleware
from skyulf_service.http.middleware import GuardMiddleware, RequestIdMiddleware
from skyulf_service.http.openapi import COMMON_RESPONSES, complete
from skyulf_service.http.routes import build_table, walk

MAX_BODY_BYTES = 16 * 2**20
OUTSIDE_TRACES = frozenset({"/livez", "/readyz", "/metrics", "/openapi.json"})

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


@runtime_checkable
class HttpSettings(Protocol):
    """What the app reads from a service's settings, where they have it."""

    @property
    def max_body_bytes(self) -> int:
        """The largest body that a route takes which says nothing else."""
        ...


def create_app(
    *,
    service: str,
    verifier: TokenVerifier | Authenticator,
    routers: Sequence[APIRouter],
    settings: object = None,
    lifespan: Lifespan | None = None,
    uows: UnitOfWorks[UnitOfWork] | None = None,
    readiness: Sequence[Check | Callable[[], Awaitable[object]]] = (),
    version: str = "1",
) -> FastAPI:
    """Build a service's app: problems, request ids, traces, metrics, limits, health, identity and permissions.

    Routers carry their whole paths (``/api/v1/...``). Raises ``ValueError`` where a route declares no permission, or
    where two operations would have one name. ``verifier`` is the internal token verifier, or the gateway's own
    `Authenticator`. ``readiness`` is asked beside the database of ``uows``.
    """
    authenticator = as_authenticator(verifier)
    app = _ServiceApp(
        service=service,
        title=f"Skyulf {service}",
        version=version,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan or _no_lifespan,
        responses=COMMON_RESPONSES,
        generate_unique_id_function=lambda route: f"{service}_{route.name}",
        telemetry={"metrics": False, "logs": False, "operation_spans": False, "exclude": _is_outside_traces},
    )
    app.state.service = service
    app.state.authenticator = authenticator
    app.state.uows = uows
    app.state.draining = False
    database = [] if uows is None else [Check("database", uows.database.ping)]
    for router in routers:
        _make_strict(router)
        app.include_router(router)
    # routes are tried in turn: those that are asked most come first
    app.include_router(health_router([*database, *map(named, readiness)], lambda request: request.app.state.draining))
    app.state.route_table = build_table(app.routes)
    problems.install(app)
    idempotency.install(app)
    # the last one added is the outermost
    app.add_middleware(
        BodyLimitMiddleware, maximum=settings.max_body_bytes if isinstance(settings, HttpSettings) else MAX_BODY_BYTES
    )
    app.add_middleware(GuardMiddleware, service=service)
    app.add_middleware(RequestIdMiddleware, trusts=authenticator.trusts)
    return app


class _ServiceApp(FastAPI):
    """A FastAPI app whose OpenAPI document carries what the build and the gateway need."""

    def __init__(self, *, service: str, **arguments: object) -> None:
        self.service = service
        super().__init__(**arguments)  # type: ignore[arg-type]  # FastAPI's own keywords, passed through

    def openapi(self) -> dict[str, object]:
        """Return the document, completed once."""
        document = super().openapi()
        if "x-skyulf-service" not in document:
            complete(document, self.service)
        return document


def _make_strict(router: APIRouter) -> None:
    """Give plain routes our route class, as ``route_class=`` would have, so that no service can forget it."""
    for route in walk(router):
        if type(route) is APIRoute:
            route.__class__ = StrictRoute


@asynccontextmanager
async def _no_lifespan(_app: FastAPI) -> AsyncIterator[None]:
    yield


def _is_outside_traces(scope: AsgiScope) -> bool:
    return scope.get("path") in OUTSIDE_TRACES
