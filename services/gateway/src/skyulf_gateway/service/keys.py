"""Making, listing and revoking API keys."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from skyulf_service.database.pagination import Page
from skyulf_service.errors import FieldProblem, NotFoundError, UnauthenticatedError
from skyulf_service.ids import new_id, utc_now
from skyulf_service.scope import Scope

from skyulf_gateway.domain.errors import ExpiryInThePastError, OrganisationAdminRequiredError, OwnKeyError
from skyulf_gateway.domain.keys import ApiKey, KeyMaterial, Reach
from skyulf_gateway.domain.permissions import PERMISSIONS, require_known, require_subset
from skyulf_gateway.domain.projects import Project
from skyulf_gateway.persistence.unit_of_work import GatewayUnitOfWork

SYSTEM = Scope.system("gateway")


@dataclass(frozen=True, slots=True)
class KeyRequest:
    """The key that somebody wants. ``scopes`` None means: what the maker has."""

    name: str
    scopes: Sequence[str] | None = None
    expires_at: datetime | None = None
    project_id: UUID | None = None
    reach: Reach = Reach.PROJECT


async def create_key(
    uow: GatewayUnitOfWork, *, scope: Scope, request: KeyRequest, known: frozenset[str] = PERMISSIONS
) -> tuple[ApiKey, KeyMaterial]:
    """Make a key that may do no more than its maker, and return it with its secret."""
    maker = await maker_of(uow, scope)
    scopes = list(dict.fromkeys(maker.scopes if request.scopes is None else request.scopes))
    require_known(scopes, known=known)
    require_subset(scopes, maker.principal().permissions)
    if request.reach is Reach.ORGANISATION:
        require_organisation(maker)
    project = await reachable_project(uow, maker, request.project_id)
    material, now = KeyMaterial.new(), utc_now()
    key = ApiKey(
        id=new_id(),
        project_id=project.id,
        organisation_id=maker.organisation_id,
        name=request.name,
        prefix=material.prefix,
        secret_hash=material.digest,
        created_by=scope.subject,
        created_at=now,
        updated_at=now,
        scopes=scopes,
        reach=request.reach,
        expires_at=_expiry(request.expires_at, maker.expires_at, now),
    )
    await uow.keys.add(key)
    return key, material


async def list_keys(
    uow: GatewayUnitOfWork, *, scope: Scope, project_id: UUID | None, limit: int, cursor: str | None
) -> Page[ApiKey]:
    """List the keys of the maker's project, or of another one that the maker reaches."""
    project = await reachable_project(uow, await maker_of(uow, scope), project_id)
    return await uow.keys.list(replace(scope, project_id=project.id), limit=limit, cursor=cursor)


async def revoke_key(uow: GatewayUnitOfWork, *, scope: Scope, key_id: UUID) -> ApiKey:
    """Take a key out of use. A key of the organisation cannot revoke itself."""
    maker = await maker_of(uow, scope)
    key = await uow.keys.get(SYSTEM, key_id)
    if key is None or not _within_reach(maker, key.project_id, key.organisation_id):
        raise NotFoundError(f"There is no API key {key_id} in this project.")
    if key.reach is Reach.ORGANISATION:
        require_organisation(maker)
    if key.id == maker.id and key.reach is Reach.ORGANISATION:
        raise OwnKeyError("Make another key of the organisation, and revoke this one with it.")
    key.revoke(utc_now())
    await uow.keys.save(key)
    return key


async def maker_of(uow: GatewayUnitOfWork, scope: Scope) -> ApiKey:
    """The key behind a request."""
    kind, _, id = scope.subject.partition(":")
    found = await uow.keys.get(SYSTEM, UUID(id)) if kind == "key" else None
    if found is None:
        raise UnauthenticatedError("This needs an API key.")
    return found


async def reachable_project(uow: GatewayUnitOfWork, maker: ApiKey, project_id: UUID | None) -> Project:
    """The project named, or the maker's own; one out of reach is not found."""
    wanted = maker.project_id if project_id is None else project_id
    project = await uow.projects.get(SYSTEM, wanted)
    if project is None or not _within_reach(maker, project.id, project.organisation_id):
        raise NotFoundError(f"There is no project {wanted}.")
    return project


def require_organisation(maker: ApiKey) -> None:
    """Raise `OrganisationAdminRequiredError` unless the key reaches the whole organisation."""
    if maker.reach is not Reach.ORGANISATION:
        raise OrganisationAdminRequiredError("This needs a key of the organisation, such as the first admin key.")


def _within_reach(maker: ApiKey, project_id: UUID, organisation_id: UUID) -> bool:
    if maker.reach is Reach.ORGANISATION:
        return organisation_id == maker.organisation_id
    return project_id == maker.project_id


def _expiry(wanted: datetime | None, makers: datetime | None, now: datetime) -> datetime | None:
    """No later than the maker's own: else an expiring key could make itself a lasting one."""
    if wanted is not None and wanted <= now:
        problem = FieldProblem("/expires_at", "lies in the past", "expiry-in-the-past")
        raise ExpiryInThePastError("The key would have expired already; name a later time.", errors=[problem])
    if makers is None or (wanted is not None and wanted < makers):
        return wanted
    return makers
