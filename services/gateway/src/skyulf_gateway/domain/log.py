"""The event log: every published event in one order, which subscribers can resume in."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

PREFIX = "io.skyulf."


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event as the log keeps it. ``data`` is its JSON body on one line.

    ``seq`` counts from 1 in the order of appending; 0 before that.
    """

    event_id: UUID
    project_id: UUID
    type: str
    source: str
    subject: str
    data_schema: str
    occurred_at: datetime
    data: str
    seq: int = 0


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events a subscriber wants: those of its project, and where named of these types and subjects."""

    project_id: UUID
    types: frozenset[str] = frozenset()
    subjects: frozenset[str] = frozenset()

    @classmethod
    def of(cls, project_id: UUID, types: list[str], subjects: list[str]) -> "EventFilter":
        """A filter; a type may be named in full or as ``job.completed``."""
        return cls(project_id, frozenset(full_type(name) for name in types), frozenset(subjects))

    def wants(self, event: LoggedEvent) -> bool:
        """Whether the event passes."""
        return (
            event.project_id == self.project_id
            and (not self.types or event.type in self.types)
            and (not self.subjects or event.subject in self.subjects)
        )


def full_type(name: str) -> str:
    """The CloudEvents type: ``job.completed`` means ``io.skyulf.job.completed.v1``."""
    return name if name.startswith(PREFIX) else f"{PREFIX}{name}.v1"
