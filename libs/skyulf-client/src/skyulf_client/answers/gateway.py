"""Keys, projects, dead letters and events."""

from datetime import datetime
from uuid import UUID

from pydantic import Field, JsonValue

from skyulf_client.answers.base import Answer, Page


class Project(Answer):
    """A project: the tenant of datasets, pipelines, models and deployments."""

    id: UUID
    organisation_id: UUID
    slug: str
    name: str
    created_at: datetime
    updated_at: datetime


class ApiKey(Answer):
    """An API key, without its secret."""

    id: UUID
    project_id: UUID
    name: str
    prefix: str
    scopes: list[str]
    reach: str = "project"
    created_by: str = ""
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


class CreatedApiKey(ApiKey):
    """A new API key. ``key`` is the whole key, shown once; None where a lost answer had shown it."""

    key: str | None = None


class Me(Answer):
    """Who the key is, and what it may do."""

    subject: str
    key: ApiKey
    project: Project
    permissions: list[str]


class DeadLetter(Answer):
    """A record that a consumer could not handle, and why."""

    service: str
    id: UUID
    consumer: str
    topic: str
    type: str | None = None
    event_id: str | None = None
    reason: str
    error: str
    attempts: int
    parked_at: datetime
    value: str = ""


class DeadLetters(Page[DeadLetter]):
    """One page of all services' dead letters; those of the services that did not answer are missing."""

    unavailable: list[str] = Field(default_factory=list)


class Event(Answer):
    """Something that happened, as a CloudEvent. ``sequence`` is its number in the log."""

    id: str
    type: str
    source: str
    subject: str
    time: datetime
    sequence: int
    data: dict[str, JsonValue] = Field(default_factory=dict)

    @property
    def name(self) -> str:
        """The type as people call it: ``job.completed``."""
        return self.type.removeprefix("io.skyulf.").rpartition(".v")[0] or self.type
