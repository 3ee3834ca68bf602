"""How a service is put together: its parts from the settings, its roles from its parts."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar, cast

from fastapi import APIRouter, FastAPI
from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from skyulf_service.database.engine import Database
from skyulf_service.database.stalled import end_stalled_sessions
from skyulf_service.database.tables import MessagingTables
from skyulf_service.database.unit_of_work import UnitOfWork, UnitOfWorks
from skyulf_service.errors import UnavailableError
from skyulf_service.http.app import Lifespan, create_app
from skyulf_service.http.dead_letters import router as dead_letters_router
from skyulf_service.http.feed import router as feed_router
from skyulf_service.http.health import Check
from skyulf_service.http.idempotency_store import purge
from skyulf_service.http.identity import Authenticator
from skyulf_service.messaging.consumers import Consumers
from skyulf_service.messaging.policy import Delivery
from skyulf_service.objects.blobs import BlobRef
from skyulf_service.objects.opening import StoreSettings, open_store
from skyulf_service.objects.store import ObjectStore
from skyulf_service.outbox.backlog import Backlog
from skyulf_service.outbox.lease import BACKUP, is_held
from skyulf_service.outbox.relay import Publisher, Relay
from skyulf_service.settings import Form, ServiceSettings, SharedSettings
from skyulf_service.signing.keys import load_public
from skyulf_service.signing.rotation import followed
from skyulf_service.signing.tokens import InternalTokenIssuer, InternalTokenVerifier
from skyulf_service.work.supervisor import Supervisor
from skyulf_service.work.sweeper import Sweep, Sweeper

U = TypeVar("U", bound=UnitOfWork)
HOUSEKEEPING_SECONDS = 3600.0
SETTLE_SECONDS = 30.0
MEASURE_SECONDS = 5.0
STALLED_SECONDS = 1.0
Measure = Callable[[], Awaitable[object]]
Background = tuple[str, Callable[[], Coroutine[None, None, None]]]
Needs = Callable[[AsyncConnection, ObjectStore], Awaitable[Sequence[BlobRef]]]


@dataclass
class Parts(Generic[U]):
    """What a service's roles are built from. One per process and service."""

    settings: ServiceSettings
    database: Database
    uows: UnitOfWorks[U]
    tokens: InternalTokenIssuer
    verifier: InternalTokenVerifier
    committed: list[Callable[[], None]] = field(default_factory=list)
    extras: dict[str, object] = field(default_factory=dict)

    @property
    def form(self) -> Form:
        """``embedded`` or ``distributed``."""
        return self.settings.shared.form

    @property
    def keys_dir(self) -> Path:
        """The folder of signing and public keys."""
        return self.settings.shared.keys_folder

    def objects(self, bucket: str) -> ObjectStore:
        """Return the store of one bucket."""
        return object_store(self.settings.shared, bucket)

    async def close(self) -> None:
        """Close the database."""
        await self.database.close()


def object_store(shared: SharedSettings, bucket: str) -> ObjectStore:
    """Return the store of one bucket where the settings say that objects are."""
    return open_store(
        StoreSettings(
            root=shared.objects_folder,
            endpoint=shared.s3_endpoint,
            access_key=shared.s3_access_key,
            secret_key=shared.s3_secret_key.get_secret_value(),
            secure=shared.s3_secure,
            region=shared.s3_region,
        ),
        bucket,
    )


def _call_all(calls: Sequence[Callable[[], None]]) -> None:
    for call in calls:
        call()


def _nothing(_parts: Parts[U]) -> tuple[()]:
    return ()


def _while_there(measure: Measure) -> Measure:
    async def run() -> None:
        with suppress(UnavailableError):  # what was measured last is what is known
            await measure()

    return run


@dataclass(frozen=True)
class Service(Generic[U]):
    """What a service is made of; `skyulf_service.roles` runs it, alone or together with the others."""

    name: str
    package: str
    unit_of_work: type[U]
    settings: type[ServiceSettings]
    consumers: Consumers[U]
    messaging: MessagingTables
    routers: Callable[[Parts[U]], Sequence[APIRouter]]
    api_background: Callable[[Parts[U]], Sequence[Background]] = _nothing
    worker_background: Callable[[Parts[U]], Sequence[Background]] = _nothing
    runner: Callable[[Parts[U]], Supervisor] | None = None
    readiness: Callable[[Parts[U]], Sequence[Check]] = _nothing
    authenticator: Callable[[Parts[U]], Authenticator] | None = None
    wrap: Callable[[FastAPI, Parts[U]], FastAPI] | None = None
    buckets: tuple[str, ...] = ()
    queues: tuple[Table, ...] = ()
    measures: Callable[[Parts[U]], Sequence[Measure]] = _nothing
    needs: Needs | None = None
    """The objects of its (one) bucket that its rows refer to, for a backup. Reads on the given connection only."""

    def open(self, settings: ServiceSettings | None = None) -> Parts[U]:
        """Make the parts from the settings; keys are created at the first start."""
        settings = settings or self.settings()
        keys = settings.shared.keys_folder
        own = followed(keys, self.name)
        if settings.database.startswith("sqlite"):
            (settings.shared.home / "db").mkdir(parents=True, exist_ok=True)
        database = Database.open(settings.database, name=self.name, pool_size=settings.database_pool_size)
        committed: list[Callable[[], None]] = []
        uows = UnitOfWorks(database, self.unit_of_work, on_publish=lambda: _call_all(committed))
        return Parts(
            settings=settings,
            database=database,
            uows=uows,
            tokens=InternalTokenIssuer(own, self.name),
            verifier=InternalTokenVerifier(load_public(keys), self.name),
            committed=committed,
        )

    def create_api(self, parts: Parts[U]) -> FastAPI:
        """Build the HTTP app; it never touches Kafka."""
        delivery = self.delivery(parts)
        routers = [*self.routers(parts), dead_letters_router(parts.database, self.messaging, delivery)]
        routers.append(feed_router(parts.database, self.messaging))
        app = create_app(
            service=self.name,
            settings=parts.settings,
            verifier=self.authenticator(parts) if self.authenticator else parts.verifier,
            routers=routers,
            lifespan=self._lifespan(parts),
            readiness=self.readiness(parts),
            uows=cast("UnitOfWorks[UnitOfWork]", parts.uows),
        )
        app.state.parts = parts
        return self.wrap(app, parts) if self.wrap else app

    async def prepare(self, parts: Parts[U]) -> None:
        """Bring the database to the newest schema and make the service's own buckets; harmless to repeat."""
        from skyulf_service.database.migrations import upgrade  # Alembic, which a running role does not need

        await upgrade(parts.database, self.package)
        for bucket in self.buckets:
            await parts.objects(bucket).ensure_bucket()

    def delivery(self, parts: Parts[U]) -> Delivery[U]:
        """Build the policy that hands events to this service's handlers."""
        return Delivery(self.consumers, parts.uows)

    def relay(self, parts: Parts[U], publisher: Publisher, *, alone: bool = False) -> Relay:
        """Build the outbox's relay; a commit in this process wakes it. ``alone``: no other process may be at work."""
        relay = Relay(parts.database, self.messaging, publisher, service=self.name, alone=alone)
        parts.committed.append(relay.wake)
        return relay

    async def backup_runs(self, parts: Parts[U]) -> bool:
        """Whether a backup is copying objects now; collectors wait meanwhile."""
        return await is_held(parts.database, self.messaging.leases, BACKUP)

    def housekeeping(self, parts: Parts[U], delivery: Delivery[U]) -> Callable[[], Coroutine[None, None, None]]:
        """Build the task that forgets what is old (claims of events, dead letters that were taken off the list,
        idempotency keys), takes letters off the list whose events were handled meanwhile, ends sessions of processes
        that are frozen, and measures what waits.
        """

        async def purge_keys() -> None:
            async with parts.database.begin() as connection:
                await purge(connection, self.messaging.idempotency_keys)

        async def end_stalled() -> None:
            await end_stalled_sessions(parts.database)

        sweeps = [
            Sweep("inbox", HOUSEKEEPING_SECONDS, delivery.claims.sweep),
            Sweep("dead letters", HOUSEKEEPING_SECONDS, delivery.dead_letters.sweep),
            Sweep("handled letters", SETTLE_SECONDS, _while_there(delivery.settling.run_once)),
            Sweep("keys", HOUSEKEEPING_SECONDS, purge_keys),
            Sweep("stalled sessions", STALLED_SECONDS, _while_there(end_stalled)),
            *(
                Sweep(f"measures {number}", MEASURE_SECONDS, measure)
                for number, measure in enumerate(self._measures(parts))
            ),
        ]
        return Sweeper(sweeps).run

    def _measures(self, parts: Parts[U]) -> Sequence[Measure]:
        backlog = Backlog(parts.database, self.messaging, service=self.name, queues=self.queues)
        return [_while_there(measure) for measure in (backlog.measure, *self.measures(parts))]

    def _lifespan(self, parts: Parts[U]) -> Lifespan:
        @asynccontextmanager
        async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
            tasks = [asyncio.create_task(run(), name=name) for name, run in self.api_background(parts)]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

        return lifespan
