"""What every published event has: its type, topic, source, subject and version."""

from datetime import UTC, datetime
from typing import ClassVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

PREFIX = "io.skyulf"


class Payload(BaseModel):
    """A part of an event's body: frozen, and tolerant of fields that a newer publisher added."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Event(Payload):
    """A fact about one aggregate, with the aggregate's full public state.

    ``event_id`` is the deduplication key; ``aggregate_version`` grows by at least one with each event of one aggregate
    of one source. Subclasses name their ``type`` (past tense, without prefix or major version), ``topic``, ``source``
    and the field that holds the aggregate's id.
    """

    type: ClassVar[str]
    major: ClassVar[int] = 1
    minor: ClassVar[int] = 0
    topic: ClassVar[str]
    source: ClassVar[str]
    subject_field: ClassVar[str]

    event_id: UUID
    project_id: UUID
    aggregate_version: int = Field(ge=1)
    occurred_at: AwareDatetime

    @property
    def subject(self) -> str:
        """The id of the aggregate that the event is about, as text."""
        return str(getattr(self, self.subject_field))

    @classmethod
    def ce_type(cls) -> str:
        """The CloudEvents type, such as ``io.skyulf.dataset.profiled.v1``."""
        return f"{PREFIX}.{cls.type}.v{cls.major}"

    @classmethod
    def data_schema(cls) -> str:
        """The CloudEvents ``dataschema``: the path of the JSON Schema and its minor version."""
        return f"/contracts/schemas/{cls.type}.v{cls.major}.json?minor={cls.minor}"

    def ce_time(self) -> str:
        """The time of the fact in RFC 3339, UTC, with ``Z``."""
        return rfc3339(self.occurred_at)


def rfc3339(moment: datetime) -> str:
    """Write an aware time in RFC 3339, UTC, microseconds, with ``Z``."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
