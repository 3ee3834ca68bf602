"""A neighbour of the service under test: what it has published can be read at its feed, and no broker delivers it."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import uvicorn
from fastapi import FastAPI
from skyulf_events import Event

from skyulf_service.composition import Background
from skyulf_service.database.engine import Database
from skyulf_service.database.tables import add_messaging_tables, new_metadata
from skyulf_service.database.unit_of_work import UnitOfWork, UnitOfWorks
from skyulf_service.http.app import create_app
from skyulf_service.http.feed import router as feed_router
from skyulf_service.ids import utc_now
from skyulf_service.signing.keys import load_public
from skyulf_service.signing.tokens import InternalTokenVerifier
from skyulf_service.testing.ports import free_port

_metadata = new_metadata()
_messaging = add_messaging_tables(_metadata)


class _Outbox(UnitOfWork):
    tables: ClassVar = _messaging


class _Server(uvicorn.Server):
    """A server that leaves signals to the tests."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass
class Neighbour:
    """A service's outbox and its feed at ``url``, which answers within `answering` only."""

    name: str
    port: int
    app: FastAPI
    outbox: UnitOfWorks[_Outbox]

    @property
    def url(self) -> str:
        """The address of its API."""
        return f"http://127.0.0.1:{self.port}"

    async def lose(self, events: Sequence[Event]) -> None:
        """Publish events that arrive nowhere: the broker took them, and forgot them."""
        async with self.outbox() as uow:
            for event in events:
                await uow.publish(event)
            outbox = _messaging.outbox
            left = outbox.update().where(outbox.c.published_at.is_(None))
            await uow.connection.execute(left.values(published_at=utc_now()))

    @asynccontextmanager
    async def answering(self) -> AsyncIterator[None]:
        """Serve the feed as long as the block lasts."""
        config = uvicorn.Config(self.app, port=self.port, lifespan="off", access_log=False, log_config=None)
        server = _Server(config)
        serving = asyncio.create_task(server.serve(), name=f"{self.name} feed")
        while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn offers no event
            await asyncio.sleep(0.01)
        try:
            yield
        finally:
            server.should_exit = True
            await serving


@asynccontextmanager
async def neighbour(name: str, *, keys: Path, folder: Path) -> AsyncIterator[Neighbour]:
    """Open a neighbour that believes the services whose keys are in ``keys``; its database is a file in ``folder``."""
    database = Database.open(f"sqlite+aiosqlite:///{folder / f'neighbour-{name}.sqlite3'}", name=name)
    try:
        async with database.begin() as connection:
            await connection.run_sync(_metadata.create_all)
        verifier = InternalTokenVerifier(load_public(keys), name)
        app = create_app(service=name, verifier=verifier, routers=[feed_router(database, _messaging)])
        yield Neighbour(name, free_port(), app, UnitOfWorks(database, _Outbox))
    finally:
        await database.close()


@asynccontextmanager
async def in_background(tasks: Sequence[Background]) -> AsyncIterator[None]:
    """Run a role's tasks as long as the block lasts."""
    running = [asyncio.create_task(run(), name=name) for name, run in tasks]
    try:
        yield
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
