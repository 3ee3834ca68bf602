"""Events that the broker has lost or never delivered, read from the service that published them."""

import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Generic, TypeVar

import httpx
import structlog
from pydantic import ValidationError

from skyulf_service.database.unit_of_work import UnitOfWork
from skyulf_service.errors import UnavailableError
from skyulf_service.http.feed import FeedRead
from skyulf_service.messaging.policy import Delivery
from skyulf_service.messaging.records import Record, record_of
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
        records = [replace(record_of(item.to_row()), partition=FEED_PARTITION) for item in page.items]
        return records, page.last


class CatchUp(Generic[U]):
    """Hands a neighbour's events to the same handlers as the broker does, since a broker may lose or forget them.

    Reads everything that the neighbour still keeps at the first call, and what is new at the next ones. The inbox drops
    what was handled before.
    """

    def __init__(self, feed: NeighbourFeed, delivery: Delivery[U]) -> None:
        self._feed = feed
        self._delivery = delivery
        self._position = 0

    async def run_once(self) -> None:
        """Handle what was published since the last call. A neighbour that is away is no failure: the next call goes on.

        Raises `UnavailableError` while this service's own database is away.
        """
        while True:
            try:
                records, position = await self._feed.after(self._position)
            except UnavailableError as error:
                _log.info("feed.away", owner=self._feed.owner, cause=repr(error.__cause__)[:200])
                return
            if not records:
                return
            await self._delivery.process(records)
            self._position = position


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
    sweeps: list[Sweep] = []
    for owner, address in neighbours.items():
        feed = NeighbourFeed(connecting(address, ca_file), tokens, owner=owner, reader=delivery.group)
        sweeps.append(Sweep(f"catch-up {owner}", every, CatchUp(feed, delivery).run_once))
    return sweeps


def connecting(address: str, ca_file: Path | None) -> Connect:
    """The way to a neighbour at an address; ``ca_file`` says whom to believe at ``https://``."""
    if not address.startswith("https:"):
        # without it httpx reads all authorities of the world for each client, which stops the loop for 15 ms
        nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        return lambda: httpx.AsyncClient(base_url=address, timeout=TIMEOUT_SECONDS, verify=nobody)
    authorities = Authorities(ca_file)
    return lambda: httpx.AsyncClient(base_url=address, timeout=TIMEOUT_SECONDS, verify=authorities.context())
