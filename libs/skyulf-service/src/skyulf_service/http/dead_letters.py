"""``/internal/v1/dead-letters``: what a service could not handle; the gateway merges the lists of all services."""

from datetime import datetime
from typing import TypeVar, cast
from uuid import UUID

import structlog
from fastapi import APIRouter
from pydantic import BaseModel

from skyulf_service.database.engine import Database
from skyulf_service.database.tables import MessagingTables
from skyulf_service.database.unit_of_work import UnitOfWork
from skyulf_service.errors import ConflictError, SkyulfError
from skyulf_service.http.dependencies import CurrentScope, PageQuery
from skyulf_service.http.pages import PageRead
from skyulf_service.http.requires import requires_service
from skyulf_service.messaging.dead_letters import DeadLetter, DeadLetters
from skyulf_service.messaging.policy import Delivery

U = TypeVar("U", bound=UnitOfWork)

log = structlog.get_logger(__name__)

SHOWN = 4096


class ReplayFailedError(ConflictError):
    """The handler failed again; the letter stays."""

    code = "replay-failed"
    title = "Replay failed"


class DeadLetterRead(BaseModel):
    """A parked record. ``value`` is its beginning as text, for people."""

    id: UUID
    consumer: str
    topic: str
    type: str | None
    event_id: str | None
    reason: str
    error: str
    attempts: int
    parked_at: datetime
    traceparent: str | None
    value: str

    @classmethod
    def of(cls, letter: DeadLetter) -> "DeadLetterRead":
        """Convert one of the table."""
        named = {name: getattr(letter, name) for name in cls.model_fields if name != "value"}
        return cls(**named, value=letter.record.value[:SHOWN].decode("utf-8", "replace"))


def router(database: Database, tables: MessagingTables, delivery: Delivery[U]) -> APIRouter:
    """Serve the dead letters of one service to our own services and to operators."""
    letters, replayer = DeadLetters(database, tables), cast("Delivery[UnitOfWork]", delivery)
    served = APIRouter(prefix="/internal/v1/dead-letters", include_in_schema=False)

    @served.get("", **requires_service())
    async def list_dead_letters(page: PageQuery) -> PageRead[DeadLetterRead]:
        return PageRead.of(await letters.list(limit=page.limit, cursor=page.cursor), DeadLetterRead.of)

    @served.get("/{letter_id}", **requires_service())
    async def get_dead_letter(letter_id: UUID) -> DeadLetterRead:
        return DeadLetterRead.of(await letters.get(letter_id))

    @served.post("/{letter_id}/replay", status_code=204, **requires_service())
    async def replay_dead_letter(letter_id: UUID, scope: CurrentScope) -> None:
        log.info("dead_letter.replayed", id=str(letter_id), by=scope.subject)
        try:
            await letters.replay(letter_id, replayer)
        except SkyulfError:
            raise
        except Exception as error:  # the handler's own, whatever it is: an operator wants to read it
            log.warning("dead_letter.failed_again", id=str(letter_id), exc_info=error)
            raise ReplayFailedError(f"The handler failed again: {type(error).__name__}: {error}"[:500]) from error

    @served.delete("/{letter_id}", status_code=204, **requires_service())
    async def discard_dead_letter(letter_id: UUID, scope: CurrentScope) -> None:
        log.info("dead_letter.discarded", id=str(letter_id), by=scope.subject)
        await letters.discard(letter_id, replayer)

    return served
