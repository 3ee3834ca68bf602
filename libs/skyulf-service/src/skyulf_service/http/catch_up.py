"""Events that the broker has lost or never delivered, read from the service that published them."""

import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import httpx
import structlog
from pydantic import ValidationError
from sqlalchemy import Table

from skyulf_service.database.engine import Database
from skyulf_service.database.outbox_row import OutboxRow
from skyulf_service.database.unit_of_work import UnitOfWork
from skyulf_service.errors import UnavailableError
from skyulf_service.http.feed import FeedRead
from skyulf_service.messaging.marks import Mark, Marks
from skyulf_service.messaging.policy import Delivery
from skyulf_service.messaging.records import Record, id_of, record_of
from skyulf_service.outbox.feed import read_feed
from skyulf_service.scope import Scope
from skyulf_service.signing.tokens import InternalTokenIssuer
from skyulf_service.tls import Authorities
from skyulf_service.work.sweeper import Sweep

_log = structlog.get_logger(__name__)
U = TypeVar("U", bound=UnitOfWork)
# no partition of the broker: dead letters of the feed are told from those of the topic
FEED_PARTITION = -1
TIMEOUT_SECONDS = 10.0
# a client for each page: between two sweeps its connections would be closed, and who is believed may change
Connect = Callable[[], httpx.AsyncClient]


class Feed(Protocol):
    """What ``owner`` has published, a page at a time."""

    owner: str

    async def after(self, position: int) -> tuple[Sequence[Record], int]:
        """Return the next records and the position behind them; raises `UnavailableError` while the owner is away."""
        ...


class NeighbourFeed:
    """What a neighbour has published, read from the neighbour itself. ``reader`` is the service that asks."""

    def __init__(self, connect: Connect, tokens: InternalTokenIssuer, *, owner: str, reader: str) -> None:
        self.owner = owner
        self._connect = connect
        self._tokens = tokens
        self._scope = Scope.system(reader)

    async def after(self, position: int) -> tuple[Sequence[Record], int]:
        """Return the next records and the position behind them; raises `UnavailableError` while the owner is away."""
        token = self._tokens.mint(self.owner, self._scope)
        try:
            async with self._connect() as http:
                answer = await http.get(
                    "/internal/v1/feed", params={"after": position}, headers={"Authorization": f"Bearer {token}"}
                )
            answer.raise_for_status()
            page = FeedRead.model_validate_json(answer.content)
        except (httpx.HTTPError, ssl.SSLError, ValidationError) as error:
            raise UnavailableError(f"The feed of {self.owner} cannot be read at the moment.") from error
        return _records([item.to_row() for item in page.items]), page.last


class OwnFeed:
    """What a service itself has published, read from its own database."""

    def __init__(self, database: Database, outbox: Table, *, owner: str) -> None:
        self.owner = owner
        self._database = database
        self._outbox = outbox

    async def after(self, position: int) -> tuple[Sequence[Record], int]:
        """Return the next records and the position behind them, or raise `UnavailableError`."""
        async with self._database.read() as connection:
            rows = await read_feed(connection, self._outbox, after=position)
        return _records(rows), rows[-1].seq if rows else position


class CatchUp(Generic[U]):
    """Hands a neighbour's events to the same handlers as the broker does, since a broker may lose or forget them.

    Begins at the mark, without ``marks`` at what the neighbour has kept the longest, and goes on there at the next
    calls. Where the mark's event is no longer in the feed (too old, or the neighbour was restored to an earlier state)
    it reads all of the feed. What was handled before is left out; ``wanted`` says which of the rest to hand on.
    """

    def __init__(
        self,
        feed: Feed,
        delivery: Delivery[U],
        *,
        marks: Marks | None = None,
        wanted: Callable[[Record], bool] = lambda _: True,
    ) -> None:
        self._feed = feed
        self._delivery = delivery
        self._marks = marks
        self._wanted = wanted
        self._mark: Mark | None = None if marks is not None else Mark()

    async def run_once(self) -> None:
        """Handle what was published since the last call. A neighbour that is away is no failure: the next call goes on.

        Raises `UnavailableError` while this service's own database is away.
        """
        if self._mark is None and self._marks is not None:
            self._mark = await self._marks.find(self._feed.owner)
        read = self._first_page
        while records := await self._unless_away(read):
            missed = [record for record in await self._delivery.unhandled(records) if self._wanted(record)]
            await self._delivery.process(missed)
            self._mark = _mark_at(records[-1])
            if self._marks is not None:
                await self._marks.put(self._feed.owner, self._mark)
            read = self._next_page

    async def _first_page(self) -> Sequence[Record]:
        mark = self._mark or Mark()
        if mark.position:
            records, _ = await self._feed.after(mark.position - 1)
            if records and _mark_at(records[0]) == mark:
                return records[1:] or await self._next_page()  # a page may be one event, where events are large
        return (await self._feed.after(0))[0]

    async def _next_page(self) -> Sequence[Record]:
        mark = self._mark or Mark()
        return (await self._feed.after(mark.position))[0]

    async def _unless_away(self, read: Callable[[], Awaitable[Sequence[Record]]]) -> Sequence[Record]:
        try:
            return await read()
        except UnavailableError as error:
            _log.info("feed.away", owner=self._feed.owner, cause=repr(error.__cause__)[:200])
            return ()


def catch_up_sweeps(
    neighbours: Mapping[str, str],
    *,
    tokens: InternalTokenIssuer,
    delivery: Delivery[U],
    every: float,
    ca_file: Path | None = None,
) -> list[Sweep]:
    """One sweep for each neighbour (name and address of its API): one that is away does not hold up the others.

    ``ca_file`` is who signed the certificates of those at ``https://``. Raises `TlsFilesError` where it cannot be used.
    """
    feeds = neighbour_feeds(neighbours, tokens=tokens, reader=delivery.group, ca_file=ca_file)
    return [Sweep(f"catch-up {feed.owner}", every, CatchUp(feed, delivery).run_once) for feed in feeds]


def neighbour_feeds(
    neighbours: Mapping[str, str], *, tokens: InternalTokenIssuer, reader: str, ca_file: Path | None = None
) -> list[NeighbourFeed]:
    """The feeds of neighbours (name and address of the API), as ``reader`` reads them."""
    return [
        NeighbourFeed(connecting(address, ca_file), tokens, owner=owner, reader=reader)
        for owner, address in neighbours.items()
    ]


def connecting(address: str, ca_file: Path | None) -> Connect:
    """The way to a neighbour at an address; ``ca_file`` says whom to believe at ``https://``."""
    if not address.startswith("https:"):
        # without it httpx reads all authorities of the world for each client, which stops the loop for 15 ms
        nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        return lambda: httpx.AsyncClient(base_url=address, timeout=TIMEOUT_SECONDS, verify=nobody)
    authorities = Authorities(ca_file)
    return lambda: httpx.AsyncClient(base_url=address, timeout=TIMEOUT_SECONDS, verify=authorities.context())


def _records(rows: Sequence[OutboxRow]) -> list[Record]:
    return [replace(record_of(row), partition=FEED_PARTITION) for row in rows]


def _mark_at(record: Record) -> Mark:
    return Mark(record.offset, id_of(record) or "")
