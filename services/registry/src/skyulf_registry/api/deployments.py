"""Deployments: what shall be served under a name."""

from fastapi import APIRouter, Response
from skyulf_service.http.dependencies import CurrentScope, IfMatch, PageQuery, etag
from skyulf_service.http.idempotency import Idempotency
from skyulf_service.http.pages import PageRead
from skyulf_service.http.requires import requires

from skyulf_registry import service
from skyulf_registry.api.dependencies import Name, ReadUow, Uow
from skyulf_registry.api.schemas import (
    DeploymentCreate,
    DeploymentRead,
    DeploymentTargetWrite,
    HistoryRead,
    RevisionRead,
)
from skyulf_registry.service import DeployRequest

router = APIRouter(prefix="/api/v1/deployments", tags=["deployments"])


@router.post("", status_code=201, **requires("models:deploy"))
async def create_deployment(
    body: DeploymentCreate, uow: Uow, scope: CurrentScope, idempotency: Idempotency
) -> DeploymentRead:
    """Serve a version of a model under a name."""

    async def create() -> DeploymentRead:
        return DeploymentRead.of(await service.deploy(uow, scope=scope, request=DeployRequest(**body.model_dump())))

    return await idempotency.once(uow, scope, body, create)


@router.get("", **requires("models:read"))
async def list_deployments(uow: ReadUow, scope: CurrentScope, page: PageQuery) -> PageRead[DeploymentRead]:
    """List the project's deployments, newest first."""
    return PageRead.of(await uow.deployments.list(scope, limit=page.limit, cursor=page.cursor), DeploymentRead.of)


@router.get("/{name}", **requires("models:read"))
async def get_deployment(name: Name, uow: ReadUow, scope: CurrentScope, response: Response) -> DeploymentRead:
    """Show what is wanted of a deployment and what is really served."""
    deployment = await uow.deployments.named(scope, name)
    response.headers["ETag"] = etag(deployment.version)
    return DeploymentRead.of(deployment)


@router.patch("/{name}", **requires("models:deploy"))
async def update_deployment(
    name: Name, body: DeploymentTargetWrite, uow: Uow, scope: CurrentScope, if_match: IfMatch, response: Response
) -> DeploymentRead:
    """Serve another version under the name."""
    if_match.check((await uow.deployments.named(scope, name, lock=True)).version)
    deployment = await service.redeploy(uow, scope=scope, request=DeployRequest(name=name, **body.model_dump()))
    response.headers["ETag"] = etag(deployment.version)
    return DeploymentRead.of(deployment)


@router.post("/{name}/rollback", **requires("models:deploy"))
async def roll_back_deployment(name: Name, uow: Uow, scope: CurrentScope, idempotency: Idempotency) -> DeploymentRead:
    """Go back to the version that was served before."""

    async def roll_back() -> DeploymentRead:
        return DeploymentRead.of(await service.roll_back(uow, scope=scope, name=name))

    return await idempotency.once(uow, scope, name, roll_back)


@router.delete("/{name}", **requires("models:deploy"))
async def delete_deployment(name: Name, uow: Uow, scope: CurrentScope) -> DeploymentRead:
    """Stop serving under the name; the history stays."""
    return DeploymentRead.of(await service.undeploy(uow, scope=scope, name=name))


@router.get("/{name}/history", **requires("models:read"))
async def get_deployment_history(name: Name, uow: ReadUow, scope: CurrentScope) -> HistoryRead:
    """Show what the deployment was told to serve, newest first."""
    revisions = await service.history(uow, scope=scope, name=name)
    return HistoryRead(items=[RevisionRead.of(revision) for revision in revisions])
