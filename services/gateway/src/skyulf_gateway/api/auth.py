"""Who somebody is to the gateway."""

from fastapi import APIRouter
from skyulf_service.http.dependencies import CurrentScope
from skyulf_service.http.requires import requires_identity

from skyulf_gateway.api.dependencies import ReadUow
from skyulf_gateway.api.schemas import ApiKeyRead, MeRead, OrganisationRead, ProjectRead
from skyulf_gateway.service import keys

router = APIRouter(prefix="/api/v1/auth", tags=["auth"])


@router.get("/me", **requires_identity())
async def show_me(uow: ReadUow, scope: CurrentScope) -> MeRead:
    """Show the key in use, its project and what it may do."""
    key = await keys.maker_of(uow, scope)
    return MeRead(
        subject=scope.subject,
        key=ApiKeyRead.of(key),
        organisation=OrganisationRead.of(await uow.organisations.require(keys.SYSTEM, key.organisation_id)),
        project=ProjectRead.of(await uow.projects.require(keys.SYSTEM, key.project_id)),
        permissions=sorted(scope.permissions),
    )
