"""Composition root of the gateway."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from importlib.metadata import version

import structlog
from fastapi import APIRouter, FastAPI
from skyulf_service.composition import Background, Parts, Service
from skyulf_service.errors import UnavailableError
from skyulf_service.http.openapi import Document
from skyulf_service.messaging.policy import Delivery
from skyulf_service.roles import run_service
from skyulf_service.work.sweeper import Sweep, Sweeper
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from skyulf_gateway.api import audit, auth, dead_letters, documents, events, keys, projects, system
from skyulf_gateway.api.app import DoorApp
from skyulf_gateway.api.door import HEALTH, Behind, Door
from skyulf_gateway.api.pages import pages
from skyulf_gateway.api.shared import Shared
from skyulf_gateway.clients.bounded import Bounded
from skyulf_gateway.clients.dedicated import Dedicated
from skyulf_gateway.clients.forwarding import Combined, Forwarder
from skyulf_gateway.clients.http import HttpForwarder
from skyulf_gateway.clients.in_process import InProcessForwarder
from skyulf_gateway.clients.neighbours import Neighbours
from skyulf_gateway.consumers import consumers
from skyulf_gateway.domain.permissions import PERMISSIONS
from skyulf_gateway.persistence.tables import messaging
from skyulf_gateway.persistence.unit_of_work import GatewayUnitOfWork
from skyulf_gateway.runtime.audit import AuditWriter
from skyulf_gateway.runtime.feed import Feed
from skyulf_gateway.runtime.identity import Identity
from skyulf_gateway.runtime.standing import Standing
from skyulf_gateway.service import event_log
from skyulf_gateway.service.audit import write_audit
from skyulf_gateway.service.feed_marks import StoredMarks
from skyulf_gateway.service.first_run import FirstRun, ensure_first_run
from skyulf_gateway.service.identity import key_is_usable, verify_key
from skyulf_gateway.settings import GatewaySettings

log = structlog.get_logger(__name__)

OWN = "gateway"
SWEEP_SECONDS = 3600.0
GatewayParts = Parts[GatewayUnitOfWork]


class _Api:
    """The long-lived objects of one api process."""

    def __init__(self, parts: GatewayParts) -> None:
        settings = settings_of(parts)
        self.parts = parts
        self.identity = Identity(partial(verify_key, parts.uows), remember=settings.key_cache_seconds)
        self.standing = Standing(partial(key_is_usable, parts.uows))
        self.audit = AuditWriter(partial(write_audit, parts.uows))
        self.feed = Feed(
            event_log.StoredLog(parts.uows),
            heartbeat=settings.heartbeat_seconds,
            most_followers=settings.most_event_streams,
        )
        self.pools: list[HttpForwarder] = []

    def reach(self, own: FastAPI, neighbours: Mapping[str, FastAPI] | None) -> Forwarder:
        """The way to every service: the gateway's own app, and its neighbours here or over HTTP."""
        settings = settings_of(self.parts)
        most = settings.requests_per_service
        if neighbours is not None:
            return Combined(InProcessForwarder({OWN: own}), Bounded(InProcessForwarder(neighbours), most))
        services = Combined(InProcessForwarder({OWN: own}), Bounded(self._over_http(settings.neighbours), most))
        if not settings.endpoints:
            return services
        endpoints = Bounded(self._over_http(settings.endpoints, others=True), most)
        return Dedicated(services, endpoints, room=settings.endpoint_body_bytes)

    def _over_http(self, urls: Mapping[str, str], *, others: bool = False) -> HttpForwarder:
        settings = settings_of(self.parts)
        self.pools.append(
            HttpForwarder(
                urls,
                connect=settings.connect_seconds,
                silence=settings.silence_seconds,
                connections=settings.connections_per_service,
                others=others,
                ca_file=settings.shared.tls_ca_file,
            )
        )
        return self.pools[-1]

    async def _first_run(self) -> None:
        await make_first_run(self.parts)

    def background(self) -> Sequence[Background]:
        """What runs beside the requests."""
        pools = [(f"pool-{number}", each.run) for number, each in enumerate(self.pools)]
        return [("first-run", self._first_run), ("feed", self.feed.run), ("audit", self.audit.run), *pools]


def build_service(
    neighbours: Mapping[str, FastAPI] | None = None, *, document: Document | None = None
) -> Service[GatewayUnitOfWork]:
    """The gateway in front of neighbours in this process (by name), or (None) of those at the settings' addresses.

    ``document`` describes neighbours elsewhere; default: the one that was built into this package.
    """
    made: list[_Api] = []

    def api_of(parts: GatewayParts) -> _Api:
        for each in made:
            if each.parts is parts:
                return each
        made.append(_Api(parts))
        return made[-1]

    def wrap(app: FastAPI, parts: GatewayParts) -> FastAPI:
        return _behind_the_door(app, api_of(parts), neighbours, document)

    def background(parts: GatewayParts) -> Sequence[Background]:
        return api_of(parts).background()

    return Service(
        name=OWN,
        package="skyulf_gateway",
        unit_of_work=GatewayUnitOfWork,
        settings=GatewaySettings,
        consumers=consumers,
        messaging=messaging,
        routers=_routers,
        api_background=background,
        worker_background=_worker_background,
        wrap=wrap,
    )


async def make_first_run(parts: GatewayParts) -> FirstRun | None:
    """Make organisation, project and admin key at the first start, and say so once on standard output."""
    settings = settings_of(parts)
    given = settings.admin_key.get_secret_value() if settings.admin_key is not None else None
    scheme = "http" if settings.shared.certificate is None else "https"
    url = f"{scheme}://127.0.0.1:{settings.api_port}"
    while True:
        try:
            made = await ensure_first_run(parts.uows, home=settings.shared.home, url=url, given_key=given)
        except UnavailableError as error:
            log.warning("first_run.waiting", reason=error.detail)
            await asyncio.sleep(1.0)
            continue
        if made is not None:
            where = f", kept in {made.credentials}" if made.credentials is not None else ""
            shown = "as given by the settings" if given is not None else made.key
            sys.stdout.write(f"Skyulf: first admin key, shown this once{where}: {shown}\n")
            sys.stdout.flush()
        return made


def settings_of(parts: GatewayParts) -> GatewaySettings:
    """The parts' settings as what they are."""
    if not isinstance(parts.settings, GatewaySettings):
        raise TypeError(f"the gateway was opened with {type(parts.settings).__name__}")
    return parts.settings


def _routers(parts: GatewayParts) -> Sequence[APIRouter]:
    return [auth.router, projects.router, keys.router, events.router, dead_letters.router, audit.router, system.router]


def _behind_the_door(
    own: FastAPI, api: _Api, neighbours: Mapping[str, FastAPI] | None, document: Document | None
) -> FastAPI:
    if neighbours is not None:
        others = [app.openapi() for app in neighbours.values()]
    else:
        packaged = document if document is not None else documents.packaged_document()
        others = [documents.without_own(packaged)] if packaged is not None else []
    public = documents.public_document([*others, own.openapi()], version=version("skyulf-gateway"))
    table = documents.path_table(public)
    forwarder = api.reach(own, neighbours)
    own.state.gateway = Shared(
        identity=api.identity,
        standing=api.standing,
        feed=api.feed,
        neighbours=Neighbours(forwarder, api.parts.tokens),
        permissions=PERMISSIONS | table.permissions,
        version=version("skyulf-gateway"),
        form=api.parts.form,
    )
    api.feed.end_when(lambda: bool(own.state.draining))
    behind = Behind(
        app=own,
        pages=pages(public),
        table=table,
        forwarder=forwarder,
        identity=api.identity,
        tokens=api.parts.tokens,
        audit=api.audit,
        endpoints=frozenset(settings_of(api.parts).endpoints) if neighbours is None else frozenset(),
    )
    return DoorApp(own, _guarded(Door(behind), settings_of(api.parts)))


def _guarded(door: ASGIApp, settings: GatewaySettings) -> ASGIApp:
    if settings.cors_origins:
        door = CORSMiddleware(
            door,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=[
                "Authorization",
                "X-API-Key",
                "Content-Type",
                "If-Match",
                "Idempotency-Key",
                "Last-Event-ID",
            ],
            expose_headers=["ETag", "X-Request-Id", "Retry-After", "Location"],
        )
    if settings.trusted_hosts != ["*"]:
        named = TrustedHostMiddleware(door, allowed_hosts=settings.trusted_hosts, www_redirect=False)
        door = _HealthByAnyName(door, named)
    return door


class _HealthByAnyName:
    """Orchestrators and monitors ask a process for its health by the address of the moment, which no setting knows."""

    def __init__(self, door: ASGIApp, named: ASGIApp) -> None:
        self._door = door
        self._named = named

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_health = scope["type"] == "http" and scope["path"] in HEALTH
        await (self._door if is_health else self._named)(scope, receive, send)


def _worker_background(parts: GatewayParts) -> Sequence[Background]:
    settings = settings_of(parts)

    async def sweep() -> None:
        while True:
            await event_log.forget_old_events(parts.uows, keep=timedelta(days=settings.event_retention_days))
            await event_log.forget_old_audit(parts.uows, keep=timedelta(days=settings.audit_retention_days))
            await asyncio.sleep(SWEEP_SECONDS)

    if parts.form == "embedded":  # in one process the relay itself hands events over, and loses none
        return [("retention", sweep)]
    return [("retention", sweep), ("catch-up", Sweeper(catch_up(parts)).run)]


def catch_up(parts: GatewayParts) -> list[Sweep]:
    """What reads events that the log misses from all services, the gateway among them."""
    # they bring httpx, which an api does not need
    from skyulf_service.http.catch_up import CatchUp, Feed, OwnFeed, neighbour_feeds

    settings, delivery, marks = settings_of(parts), Delivery(consumers, parts.uows), StoredMarks(parts.uows)
    wanted = partial(event_log.is_young, keep=timedelta(days=settings.event_retention_days))
    feeds: list[Feed] = [OwnFeed(parts.database, messaging.outbox, owner=OWN)]
    feeds += neighbour_feeds(settings.neighbours, tokens=parts.tokens, reader=OWN, ca_file=settings.shared.tls_ca_file)
    return [
        Sweep(
            f"catch-up {feed.owner}",
            settings.catch_up_seconds,
            CatchUp(feed, delivery, marks=marks, wanted=wanted).run_once,
        )
        for feed in feeds
    ]


SERVICE: Service[GatewayUnitOfWork] = build_service()


def main(argv: Sequence[str] | None = None) -> int:
    """Run one role of the gateway: ``api``, ``worker`` or ``migrate``; returns the exit code."""
    return run_service(SERVICE, sys.argv[1:] if argv is None else argv)


if __name__ == "__main__":
    sys.exit(main())
