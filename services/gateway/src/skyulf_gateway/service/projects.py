"""Making and listing projects."""

from dataclasses import dataclass
from uuid import UUID

from skyulf_service.database.pagination import Page
from skyulf_service.ids import new_id, utc_now
from skyulf_service.scope import Scope

from skyulf_gateway import events
from skyulf_gateway.domain.errors import SlugTakenError
from skyulf_gateway.domain.keys import Reach
from skyulf_gateway.domain.projects import Project
from skyulf_gateway.persistence.unit_of_work import GatewayUnitOfWork
from skyulf_gateway.service.keys import maker_of, reachable_project, require_organisation


@dataclass(frozen=True, slots=True)
class ProjectRequest:
    """The project that somebody wants."""

    slug: str
    name: str


async def create_project(uow: GatewayUnitOfWork, *, scope: Scope, request: ProjectRequest) -> Project:
    """Add a project to the organisation, and announce it."""
    maker = await maker_of(uow, scope)
    require_organisation(maker)
    if await uow.projects.slug_taken(maker.organisation_id, request.slug):
        raise SlugTakenError(f"There is a project {request.slug!r} already; choose another slug.")
    now = utc_now()
    project = Project(
        id=new_id(),
        organisation_id=maker.organisation_id,
        slug=request.slug,
        name=request.name,
        created_at=now,
        updated_at=now,
    )
    await uow.projects.add(project)
    await uow.publish(events.project_created(project))
    return project


async def list_projects(uow: GatewayUnitOfWork, *, scope: Scope, limit: int, cursor: str | None) -> Page[Project]:
    """List the projects within reach: the key's own, or all of the organisation."""
    maker = await maker_of(uow, scope)
    only = None if maker.reach is Reach.ORGANISATION else maker.project_id
    return await uow.projects.page(maker.organisation_id, only=only, limit=limit, cursor=cursor)


async def get_project(uow: GatewayUnitOfWork, *, scope: Scope, project_id: UUID) -> Project:
    """Return a project within reach."""
    return await reachable_project(uow, await maker_of(uow, scope), project_id)
