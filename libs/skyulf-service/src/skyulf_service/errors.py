"""The tree of errors that users may see. Each is a fact, with a stable code and an HTTP status."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with one field. ``pointer`` is a JSON pointer into the request, such as ``/rows/3/age``."""

    pointer: str
    message: str
    code: str | None = None

    def to_dict(self) -> dict[str, str]:
        """The entry of a problem document's ``errors``."""
        entry = {"pointer": self.pointer, "detail": self.message}
        return entry if self.code is None else {**entry, "code": self.code}


class SkyulfError(Exception):
    """The base of all errors with a meaning for users. ``detail`` is one sentence that a person can act on."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"
    # nothing was done here, and another replica of the service may be able to
    elsewhere: ClassVar[bool] = False
    retry_after: float | None = None

    def __init__(self, detail: str, *, errors: Sequence[FieldProblem] = (), retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors: tuple[FieldProblem, ...] = tuple(errors)
        if retry_after is not None:
            self.retry_after = retry_after


class UnreadableRequestError(SkyulfError):
    """What came in is not HTTP as servers here read it: broken, or with an address beyond 64 KiB."""

    code = "unreadable-request"
    status = 400
    title = "Not readable as a request"


class NotFoundError(SkyulfError):
    """The thing does not exist, or belongs to another tenant."""

    code = "not-found"
    status = 404
    title = "Not found"


class ConflictError(SkyulfError):
    """The request contradicts the present state."""

    code = "conflict"
    status = 409
    title = "Conflict"


class StaleVersionError(ConflictError):
    """Somebody else changed the aggregate in between; reading it again and retrying may succeed."""

    title = "Changed in between"


class PreconditionFailedError(SkyulfError):
    """The version named by ``If-Match`` is no longer the current one."""

    code = "precondition-failed"
    status = 412
    title = "Precondition failed"


class PreconditionRequiredError(SkyulfError):
    """The request must say by ``If-Match`` which version it changes."""

    code = "precondition-required"
    status = 428
    title = "Precondition required"


class InvalidInputError(SkyulfError):
    """The input cannot be accepted; ``errors`` says which fields and why."""

    code = "invalid-input"
    status = 422
    title = "Invalid input"


class TooLargeError(SkyulfError):
    """The body, file or row count is beyond a limit."""

    code = "too-large"
    status = 413
    title = "Too large"


class UnsupportedTypeError(SkyulfError):
    """The media type or file format is not one that is understood."""

    code = "unsupported-type"
    status = 415
    title = "Unsupported type"


class UnauthenticatedError(SkyulfError):
    """There is no identity, or it cannot be trusted."""

    code = "unauthenticated"
    status = 401
    title = "Not authenticated"


class ForbiddenError(SkyulfError):
    """The identity lacks a permission."""

    code = "forbidden"
    status = 403
    title = "Forbidden"


class RateLimitedError(SkyulfError):
    """Too many requests; ``retry_after`` says when to come back (seconds)."""

    code = "rate-limited"
    status = 429
    title = "Too many requests"
    retry_after = 1.0


class UnavailableError(SkyulfError):
    """Something that is needed is away for the moment; retrying later may succeed."""

    code = "unavailable"
    status = 503
    title = "Temporarily unavailable"
    retry_after: float | None = 1.0


class BusyError(UnavailableError):
    """It was not the request's turn in time; nothing that it asks for was begun."""


class StorageFullError(UnavailableError):
    """There is no room left where data is kept."""

    # whatever was begun is undone, and somebody will make room: what was accepted waits as for anything that is away
    code = "storage-full"
    status = 507
    title = "Storage full"
    retry_after = None  # nobody knows when


def may_hide_commit(error: SkyulfError) -> bool:
    """Whether a transaction that ended with this error may have taken effect all the same, its answer lost."""
    return error.status >= 500 and not isinstance(error, BusyError | StorageFullError)
