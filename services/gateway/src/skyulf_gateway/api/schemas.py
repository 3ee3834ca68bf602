"""Bodies of the gateway's requests and answers."""

from datetime import UTC, datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from skyulf_gateway.api.dependencies import SLUG
from skyulf_gateway.domain.audit import AuditEntry
from skyulf_gateway.domain.keys import ApiKey, KeyMaterial, Reach
from skyulf_gateway.domain.projects import Organisation, Project

Slug = Annotated[str, Field(pattern=SLUG, examples=["late-flights"])]
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
ScopeName = Annotated[str, Field(max_length=80, examples=["datasets:read"])]


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("must lie in the years 1 to 9999 of UTC; leave it out for never") from None


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]


class Body(BaseModel):
    """A request's body: unknown fields are refused, because they are usually spelling mistakes."""

    model_config = ConfigDict(extra="forbid")


class ProjectCreate(Body):
    """A new project of the organisation."""

    slug: Slug
    name: Name | None = Field(None, description="How people call it; default: the slug")


class ProjectRead(BaseModel):
    """A project: the tenant of datasets, pipelines, models and deployments."""

    id: UUID
    organisation_id: UUID
    slug: str
    name: str
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, project: Project) -> Self:
        """A project as the API shows it."""
        return cls(**{name: getattr(project, name) for name in cls.model_fields})


class ApiKeyCreate(Body):
    """A new API key, which can do no more than the one that makes it."""

    name: Name
    scopes: list[ScopeName] | None = Field(
        None,
        min_length=1,
        max_length=100,
        description="Permissions (`datasets:read`) and roles (viewer, operator, editor, admin, owner); "
        "default: those of the maker",
    )
    expires_at: Moment | None = Field(None, description="Never, unless the maker's own key expires")
    project_id: UUID | None = Field(
        None, description="Another project of the organisation; needs a key of the organisation"
    )
    reach: Reach = Field(Reach.PROJECT, description="`organisation` for administrators of all projects")


class ApiKeyRead(BaseModel):
    """An API key, without its secret."""

    id: UUID
    project_id: UUID
    name: str
    prefix: str = Field(description="The key's beginning, by which to recognise it: sk_<prefix>_…")
    scopes: list[str]
    reach: Reach
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        """A key as the API shows it."""
        return cls(**{name: getattr(key, name) for name in ApiKeyRead.model_fields})


class ApiKeyCreated(ApiKeyRead):
    """A new API key. Its secret is shown this once."""

    key: str | None = Field(
        None, description="The whole key; null when a repeated Idempotency-Key asks for it again: it is not kept"
    )

    def revealing(self, material: KeyMaterial | None) -> Self:
        """The same with the secret."""
        return self if material is None else self.model_copy(update={"key": material.text})


class OrganisationRead(BaseModel):
    """An organisation."""

    id: UUID
    slug: str
    name: str

    @classmethod
    def of(cls, organisation: Organisation) -> Self:
        """An organisation as the API shows it."""
        return cls(id=organisation.id, slug=organisation.slug, name=organisation.name)


class MeRead(BaseModel):
    """Who the request comes from, and what it may do."""

    subject: str
    key: ApiKeyRead
    organisation: OrganisationRead
    project: ProjectRead
    permissions: list[str] = Field(description="`*` stands for all of them")


class AuditRead(BaseModel):
    """A change that somebody made, or tried to make."""

    seq: int
    at: datetime
    subject: str
    operation: str
    service: str
    method: str
    path: str = Field(description="The path's template")
    objects: dict[str, str] = Field(description="The values of the path's parameters")
    status: int = Field(description="The answer's status; 499 where the client had gone away")
    request_id: str

    @classmethod
    def of(cls, entry: AuditEntry) -> Self:
        """An entry as the API shows it."""
        return cls(**{name: getattr(entry, name) for name in cls.model_fields})


class ServiceRead(BaseModel):
    """A service as the gateway sees it now."""

    name: str
    status: Literal["ready", "failing", "draining", "away"]
    failing: dict[str, str] = Field(description="What the service misses, by name")
    latency_seconds: float | None


class SystemRead(BaseModel):
    """The whole installation as the gateway sees it now."""

    version: str
    form: Literal["embedded", "distributed"]
    status: Literal["ready", "failing"]
    services: list[ServiceRead]
    event_log_head: int = Field(description="The number of the newest event")
