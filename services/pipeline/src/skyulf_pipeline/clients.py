"""Typed clients of neighbours."""

from collections.abc import Sequence
from dataclasses import replace

import httpx
from pydantic import ValidationError
from skyulf_service.errors import UnavailableError
from skyulf_service.http.feed import FeedRead
from skyulf_service.messaging.records import Record, record_of
from skyulf_service.scope import Scope
from skyulf_service.signing.tokens import InternalTokenIssuer

# no partition of the broker: dead letters of the feed are told from those of the topic
FEED_PARTITION = -1
_AWAY = "Ingestion's feed cannot be read at the moment."


class IngestionFeed:
    """What ingestion has published, read from ingestion itself: for events that the broker has lost."""

    def __init__(self, http: httpx.AsyncClient, tokens: InternalTokenIssuer) -> None:
        self._http = http
        self._tokens = tokens

    async def after(self, position: int) -> tuple[Sequence[Record], int]:
        """Return the next records and the position behind them; raises `UnavailableError` while ingestion is away."""
        token = self._tokens.mint("ingestion", Scope.system("pipeline"))
        try:
            answer = await self._http.get(
                "/internal/v1/feed", params={"after": position}, headers={"Authorization": f"Bearer {token}"}
            )
            answer.raise_for_status()
            page = FeedRead.model_validate_json(answer.content)
        except (httpx.HTTPError, ValidationError) as error:
            raise UnavailableError(_AWAY) from error
        records = [replace(record_of(item.to_row()), partition=FEED_PARTITION) for item in page.items]
        return records, page.last

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()
