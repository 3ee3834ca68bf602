"""API keys: made, listed, revoked."""

from fastapi import APIRouter
from skyulf_service.http.dependencies import CurrentScope, PageQuery
from skyulf_service.http.idempotency import Idempotency
from skyulf_service.http.pages import PageRead
from skyulf_service.http.requires import requires

from skyulf_gateway.api.dependencies import KeyId, OfProject, ReadUow, SharedParts, Uow
from skyulf_gateway.api.schemas import ApiKeyCreate, ApiKeyCreated, ApiKeyRead
from skyulf_gateway.domain.keys import KeyMaterial
from skyulf_gateway.service import keys
from skyulf_gateway.service.keys import KeyRequest

router = APIRouter(prefix="/api/v1/api-keys", tags=["api keys"])


@router.post("", status_code=201, **requires("keys:write"))
async def create_api_key(
    body: ApiKeyCreate, uow: Uow, scope: CurrentScope, idempotency: Idempotency, shared: SharedParts
) -> ApiKeyCreated:
    """Make a key. The answer shows the whole key, this once."""
    secrets: list[KeyMaterial] = []

    async def create() -> ApiKeyCreated:
        request = KeyRequest(**body.model_dump())
        key, material = await keys.create_key(uow, scope=scope, request=request, known=shared.permissions)
        secrets.append(material)
        return ApiKeyCreated.of(key)

    # what is kept for the Idempotency-Key has no secret in it
    created = await idempotency.once(uow, scope, body, create)
    return created.revealing(secrets[0] if secrets else None)


@router.get("", **requires("keys:read"))
async def list_api_keys(
    uow: ReadUow, scope: CurrentScope, page: PageQuery, project_id: OfProject = None
) -> PageRead[ApiKeyRead]:
    """List the project's keys, newest first, with the revoked ones."""
    found = await keys.list_keys(uow, scope=scope, project_id=project_id, limit=page.limit, cursor=page.cursor)
    return PageRead.of(found, ApiKeyRead.of)


@router.delete("/{key_id}", **requires("keys:write"))
async def revoke_api_key(key_id: KeyId, uow: Uow, scope: CurrentScope, shared: SharedParts) -> ApiKeyRead:
    """Take a key out of use for good; every replica refuses it within five seconds."""
    key = await keys.revoke_key(uow, scope=scope, key_id=key_id)
    shared.identity.forget(key.id)
    return ApiKeyRead.of(key)
