"""All SQL about organisations, projects and keys."""

from dataclasses import asdict
from uuid import UUID

from skyulf_service.database.pagination import Page
from skyulf_service.database.repository import Repository, insert_ignoring_conflict
from skyulf_service.scope import Scope
from sqlalchemy import RowMapping, select

from skyulf_gateway.domain.keys import ApiKey, Reach
from skyulf_gateway.domain.projects import Organisation, Project
from skyulf_gateway.persistence import tables

SYSTEM = Scope.system("gateway")


class OrganisationRepository(Repository[Organisation]):
    """Organisations, named uniquely."""

    table = tables.organisations
    entity = "organisation"

    def to_row(self, aggregate: Organisation) -> dict[str, object]:
        """Write an organisation as a row."""
        return asdict(aggregate)

    def from_row(self, row: RowMapping) -> Organisation:
        """Read an organisation from a row."""
        return Organisation(**row)

    async def first_of_all(self) -> UUID | None:
        """The id of some organisation, or None where there is none yet."""
        return await self.connection.scalar(select(tables.organisations.c.id).limit(1))

    async def add_first(self, organisation: Organisation) -> bool:
        """Add an organisation unless its slug is taken; waits for another process that adds it at the same time."""
        return await insert_ignoring_conflict(self.connection, self.table, self.to_row(organisation))


class ProjectRepository(Repository[Project]):
    """Projects, named uniquely in their organisation."""

    table = tables.projects
    entity = "project"

    def to_row(self, aggregate: Project) -> dict[str, object]:
        """Write a project as a row."""
        return asdict(aggregate)

    def from_row(self, row: RowMapping) -> Project:
        """Read a project from a row."""
        return Project(**row)

    async def slug_taken(self, organisation_id: UUID, slug: str) -> bool:
        """Whether the organisation has a project of that slug."""
        columns = tables.projects.c
        query = select(columns.id).where(columns.organisation_id == organisation_id, columns.slug == slug)
        return await self.connection.scalar(query) is not None

    async def page(
        self, organisation_id: UUID, *, only: UUID | None = None, limit: int, cursor: str | None
    ) -> Page[Project]:
        """A page of an organisation's projects, or ``only`` one of them."""
        columns = tables.projects.c
        within = [columns.organisation_id == organisation_id]
        if only is not None:
            within.append(columns.id == only)
        return await self.list(SYSTEM, limit=limit, cursor=cursor, where=within)


class ApiKeyRepository(Repository[ApiKey]):
    """API keys."""

    table = tables.api_keys
    entity = "API key"

    def to_row(self, aggregate: ApiKey) -> dict[str, object]:
        """Write a key as a row; it has the hash of the secret, never the secret."""
        return {**asdict(aggregate), "reach": aggregate.reach.value}

    def from_row(self, row: RowMapping) -> ApiKey:
        """Read a key from a row."""
        values = dict(row)
        return ApiKey(**{**values, "reach": Reach(values["reach"])})

    async def of_prefix(self, prefix: str) -> ApiKey | None:
        """Return the key of that prefix in whatever project, or None: the key is what names the project."""
        query = select(tables.api_keys).where(tables.api_keys.c.prefix == prefix)
        row = (await self.connection.execute(query)).mappings().first()
        return None if row is None else self.from_row(row)
