"""The audit log: who changed what, and what came of it."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

CLIENT_GONE = 499


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One request that was not a mere look. ``path`` is the template; ``objects`` maps its parameters to their values.

    ``status`` is the answer's HTTP status, or `CLIENT_GONE` where the client went away before there was one.
    ``seq`` is the place in the log; None before it is written.
    """

    project_id: UUID
    organisation_id: UUID
    subject: str
    operation: str
    service: str
    method: str
    path: str
    status: int
    request_id: str
    at: datetime
    objects: dict[str, str] = field(default_factory=dict)
    seq: int | None = None
