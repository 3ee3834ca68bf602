"""One service on a real database, with its API in this process and events delivered by hand."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar
from uuid import UUID

import httpx
from skyulf_events import Event
from sqlalchemy import select
from starlette.types import ASGIApp

from skyulf_service.composition import Parts, Service
from skyulf_service.database.outbox_row import OutboxRow
from skyulf_service.database.unit_of_work import UnitOfWork
from skyulf_service.ids import new_id
from skyulf_service.scope import Scope
from skyulf_service.settings import SharedSettings
from skyulf_service.signing.keys import SigningKey, load_or_create
from skyulf_service.signing.tokens import InternalTokenIssuer
from skyulf_service.testing.records import record_of_event

U = TypeVar("U", bound=UnitOfWork)


@dataclass
class RunningService(Generic[U]):
    """A service under test. ``project`` is the project that `client` acts in."""

    service: Service[U]
    parts: Parts[U]
    project: UUID
    app: ASGIApp
    client: httpx.AsyncClient
    gateway_key: SigningKey

    def headers(self, project: UUID, *permissions: str) -> dict[str, str]:
        """Return the headers of a principal in a project; without permissions it holds all of them."""
        scope = Scope(project, "key:test", frozenset(permissions or ("*",)))
        token = InternalTokenIssuer(self.gateway_key, "gateway").mint(self.service.name, scope)
        return {"Authorization": f"Bearer {token}"}

    async def deliver(self, *events: Event) -> None:
        """Hand events to the service's handlers as a transport would."""
        await self.service.delivery(self.parts).process(
            [record_of_event(event, seq=seq) for seq, event in enumerate(events)]
        )

    async def published(self) -> Sequence[OutboxRow]:
        """Return what the service has put into its outbox, in order."""
        outbox = self.service.messaging.outbox
        async with self.parts.database.read() as connection:
            rows = await connection.execute(select(outbox).order_by(outbox.c.seq))
            return [OutboxRow.of(row) for row in rows.mappings()]


@asynccontextmanager
async def running_service(
    service: Service[U], *, database_url: str, home: Path, **settings: object
) -> AsyncIterator[RunningService[U]]:
    """Open a service on an empty database with its API and api background; everything ends with the block."""
    shared = SharedSettings(home=home, profile="testing")
    gateway = load_or_create(shared.keys_folder, "gateway")
    known = {"shared": shared, "database_url": database_url, **settings}
    parts = service.open(service.settings(**known))  # type: ignore[arg-type]  # fields of the base and the caller's
    try:
        await service.prepare(parts)
        app = service.create_api(parts)
        project = new_id()
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://service") as client,
        ):
            running = RunningService(service, parts, project, app, client, gateway)
            client.headers.update(running.headers(project))
            yield running
    finally:
        await parts.close()
