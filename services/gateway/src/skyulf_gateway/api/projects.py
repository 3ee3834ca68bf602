"""Projects of the organisation."""

from fastapi import APIRouter, Response
from skyulf_service.http.dependencies import CurrentScope, PageQuery, etag
from skyulf_service.http.idempotency import Idempotency
from skyulf_service.http.pages import PageRead
from skyulf_service.http.requires import requires

from skyulf_gateway.api.dependencies import ProjectId, ReadUow, Uow
from skyulf_gateway.api.schemas import ProjectCreate, ProjectRead
from skyulf_gateway.service import projects
from skyulf_gateway.service.projects import ProjectRequest

router = APIRouter(prefix="/api/v1/projects", tags=["projects"])


@router.post("", status_code=201, **requires("projects:write"))
async def create_project(body: ProjectCreate, uow: Uow, scope: CurrentScope, idempotency: Idempotency) -> ProjectRead:
    """Add a project to the organisation; needs a key of the organisation."""

    async def create() -> ProjectRead:
        request = ProjectRequest(slug=body.slug, name=body.name or body.slug)
        return ProjectRead.of(await projects.create_project(uow, scope=scope, request=request))

    return await idempotency.once(uow, scope, body, create)


@router.get("", **requires("projects:read"))
async def list_projects(uow: ReadUow, scope: CurrentScope, page: PageQuery) -> PageRead[ProjectRead]:
    """List the projects that the key reaches, newest first."""
    found = await projects.list_projects(uow, scope=scope, limit=page.limit, cursor=page.cursor)
    return PageRead.of(found, ProjectRead.of)


@router.get("/{project_id}", **requires("projects:read"))
async def get_project(project_id: ProjectId, uow: ReadUow, scope: CurrentScope, response: Response) -> ProjectRead:
    """Show a project that the key reaches."""
    project = await projects.get_project(uow, scope=scope, project_id=project_id)
    response.headers["ETag"] = etag(project.version)
    return ProjectRead.of(project)
