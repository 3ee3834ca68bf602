"""The states of long work and the transitions between them, for aggregates that are worked on."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from skyulf_service.errors import ConflictError
from skyulf_service.ids import utc_now

MAX_MESSAGE = 2_000


class WorkStatus(StrEnum):
    """Where a piece of work is: ``queued → running → succeeded | failed | cancelled``, perhaps by ``cancelling``."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


ACTIVE = (WorkStatus.RUNNING, WorkStatus.CANCELLING)
TERMINAL = (WorkStatus.SUCCEEDED, WorkStatus.FAILED, WorkStatus.CANCELLED)


class WorkFinishedError(ConflictError):
    """The work has ended, so this cannot be done to it any more."""

    code = "work-finished"
    title = "Work has ended"


class WorkNotRunningError(ConflictError):
    """The work is not being worked on, so it cannot end this way."""

    code = "work-not-running"
    title = "Work is not running"


class WorkNotRetryableError(ConflictError):
    """Only work that failed or was cancelled can be tried again."""

    code = "work-not-retryable"
    title = "Work cannot be retried"


class CancelRequestedError(ConflictError):
    """Somebody asked to cancel the work before it ended, so it must not succeed any more."""

    code = "cancel-requested"
    title = "Cancel was requested"


@dataclass(kw_only=True)
class WorkState:
    """The work columns of an aggregate. Claims and heartbeats are the queue's; the rest changes by these methods.

    ``attempt`` counts the starts (0 before the first), ``progress`` runs from 0 to 1, a higher ``priority`` goes
    first, and ``lease_epoch`` rises whenever the right to write changes hands.
    """

    status: WorkStatus = WorkStatus.QUEUED
    priority: int = 0
    attempt: int = 0
    # Starts that end with their process count too, and on a bad day many processes end: what a file or a training
    # does wrong by itself is no reason to start again and is not limited by this.
    max_attempts: int = 20
    run_after: datetime = field(default_factory=utc_now)
    deadline_at: datetime | None = None
    lease_owner: str | None = None
    lease_expires_at: datetime | None = None
    lease_epoch: int = 0
    progress: float = 0.0
    step: str = ""
    error_code: str | None = None
    error_message: str | None = None
    cancel_requested: bool = False
    queued_at: datetime = field(default_factory=utc_now)
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def is_finished(self) -> bool:
        """Whether the work has ended, one way or another."""
        return self.status in TERMINAL

    def succeed(self) -> None:
        """End well; refused once a cancel was requested."""
        if self.cancel_requested:
            raise CancelRequestedError("A cancel was requested before the work ended.")
        self._require_active()
        self.progress = 1.0
        self._finish(WorkStatus.SUCCEEDED)

    def fail(self, code: str, message: str, *, retry_in: timedelta | None = None) -> None:
        """End with a reason; with ``retry_in`` and attempts left, wait for the next attempt instead.

        Where a cancel was requested, that is how it ends.
        """
        self._require_active()
        if self.cancel_requested:
            self._finish(WorkStatus.CANCELLED)
            return
        self.error_code = code
        self.error_message = storable_message(message)
        if retry_in is not None and self.attempt < self.max_attempts:
            self._queue(utc_now() + retry_in)
        else:
            self._finish(WorkStatus.FAILED)

    def request_cancel(self) -> None:
        """Ask for the end: at once where nobody works on it, else its runner is told. Asking twice is harmless."""
        if self.is_finished:
            raise WorkFinishedError(f"The work has ended ({self.status}); there is nothing to cancel.")
        self.cancel_requested = True
        if self.status == WorkStatus.QUEUED:
            self._finish(WorkStatus.CANCELLED)
        else:
            self.status = WorkStatus.CANCELLING

    def end_cancelled(self) -> None:
        """Confirm that the work has stopped."""
        self._require_active()
        self._finish(WorkStatus.CANCELLED)

    def retry(self) -> None:
        """Try again after a failure or a cancel: the same row, the next attempt."""
        if self.status not in (WorkStatus.FAILED, WorkStatus.CANCELLED):
            raise WorkNotRetryableError(f"The work is {self.status}; only failed or cancelled work is tried again.")
        now = utc_now()
        self.max_attempts = max(self.max_attempts, self.attempt + 1)
        self.cancel_requested = False
        self.error_code = self.error_message = None
        self.started_at = self.finished_at = self.deadline_at = None
        self.progress, self.step, self.queued_at = 0.0, "", now
        self._queue(now)

    def work_values(self) -> dict[str, object]:
        """The work columns of the row to save.

        Without the expiry of the lease, which belongs to the heartbeat: saving what was read would shorten it.
        """
        return {name: getattr(self, name) for name in WORK_FIELDS if name != "lease_expires_at"}

    @staticmethod
    def work_fields(row: Mapping[str, object]) -> dict[str, Any]:  # Any: it is made to be splatted
        """The keyword arguments of a constructor, ``Job(…, **Job.work_fields(row))``, from a row."""
        return {name: WorkStatus(str(row[name])) if name == "status" else row[name] for name in WORK_FIELDS}

    def _require_active(self) -> None:
        if self.status not in ACTIVE:
            raise WorkNotRunningError(f"The work is {self.status}, not running.")

    def _finish(self, status: WorkStatus) -> None:
        self.status = status
        self.lease_owner = None
        self.finished_at = utc_now()

    def _queue(self, run_after: datetime) -> None:
        self.status = WorkStatus.QUEUED
        self.lease_owner = None
        self.lease_epoch += 1  # whoever worked on it may not write any more
        self.run_after = run_after


WORK_FIELDS = tuple(entry.name for entry in fields(WorkState))


def storable_message(text: str) -> str:
    """Make any text fit for a database: bounded, and without NUL or halves of surrogate pairs."""
    clean = text.replace("\x00", "").encode("utf-8", "replace").decode()
    return clean if len(clean) <= MAX_MESSAGE else clean[: MAX_MESSAGE - 1] + "…"
