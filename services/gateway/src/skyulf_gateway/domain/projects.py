"""Organisations and their projects: the tenants to whom everything else belongs."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

DEFAULT = "default"


@dataclass(slots=True)
class Organisation:
    """Who runs projects together; ``slug`` is unique."""

    id: UUID
    slug: str
    name: str
    created_at: datetime
    updated_at: datetime
    version: int = 1


@dataclass(slots=True)
class Project:
    """The tenant of datasets, pipelines, models and deployments; ``slug`` is unique in its organisation."""

    id: UUID
    organisation_id: UUID
    slug: str
    name: str
    created_at: datetime
    updated_at: datetime
    version: int = 1
