"""When a failing handler is tried again."""

import asyncio
from collections.abc import AsyncIterable
from dataclasses import dataclass

import stamina
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError

from skyulf_service.database.failures import is_away
from skyulf_service.errors import StaleVersionError, UnavailableError


@dataclass(frozen=True, slots=True)
class Retries:
    """For how long, in seconds, and how often. ``batch`` bounds what one batch may spend on its failing records.

    What may pass by itself (a lost race, something away) is tried for ``transient`` seconds; anything else
    ``other`` times. A handler may take ``handler`` seconds.
    """

    transient: float = 5.0
    other: int = 3
    first_pause: float = 0.05
    longest_pause: float = 1.0
    handler: float = 10.0
    batch: float = 30.0


class Budget:
    """What is left of a batch's time for retries, so that its consumer stays a member of its group."""

    def __init__(self, retries: Retries) -> None:
        self._retries = retries
        self._ends_at = asyncio.get_running_loop().time() + retries.batch
        self.tried = 0

    def attempts(self) -> AsyncIterable[stamina.Attempt]:
        """Attempts at one record: ``async for attempt in budget.attempts(): with attempt: ...``."""
        self.tried = 0
        left = max(0.01, self._ends_at - asyncio.get_running_loop().time())
        return stamina.retry_context(
            on=self._try_again,
            attempts=None,
            timeout=min(self._retries.transient, left),
            wait_initial=self._retries.first_pause,
            wait_max=self._retries.longest_pause,
            wait_jitter=self._retries.first_pause,
        )

    def _try_again(self, error: Exception) -> bool:
        self.tried += 1
        if isinstance(error, TimeoutError):  # it has had its time; the records behind it wait
            return False
        return is_transient(error) or self.tried < self._retries.other


def is_transient(error: BaseException) -> bool:
    """Whether a handler's error may pass by itself."""
    if isinstance(error, StaleVersionError | UnavailableError):
        return True
    return isinstance(error, DBAPIError) and is_away(error)


def ends_transaction(error: BaseException) -> bool:
    """Whether a handler's error may have ended the transaction that others share.

    Some errors of SQLite (disk full, I/O) roll everything back by themselves; what followed would commit one by one.
    """
    return isinstance(error, DBAPIError) and not isinstance(error, IntegrityError | DataError | ProgrammingError)
