"""Models, their versions, aliases and stages."""

from typing import Annotated

from fastapi import APIRouter, Path
from skyulf_service.http.dependencies import CurrentScope, PageQuery
from skyulf_service.http.pages import PageRead
from skyulf_service.http.requires import requires

from skyulf_registry import service
from skyulf_registry.api.dependencies import SLUG, Name, Number, ReadUow, Uow
from skyulf_registry.api.schemas import LineageRead, ModelRead, ModelVersionRead, StageWrite
from skyulf_registry.persistence.tables import model_versions

router = APIRouter(prefix="/api/v1/models", tags=["models"])
Alias = Annotated[str, Path(pattern=SLUG, examples=["champion"])]


@router.get("", **requires("models:read"))
async def list_models(uow: ReadUow, scope: CurrentScope, page: PageQuery) -> PageRead[ModelRead]:
    """List the project's models, newest first."""
    return PageRead.of(await uow.models.list(scope, limit=page.limit, cursor=page.cursor), ModelRead.of)


@router.get("/{name}", **requires("models:read"))
async def get_model(name: Name, uow: ReadUow, scope: CurrentScope) -> ModelRead:
    """Show a model."""
    return ModelRead.of(await uow.models.named(scope, name))


@router.get("/{name}/versions", **requires("models:read"))
async def list_model_versions(
    name: Name, uow: ReadUow, scope: CurrentScope, page: PageQuery
) -> PageRead[ModelVersionRead]:
    """List a model's versions, newest first."""
    model = await uow.models.named(scope, name)
    of_model = [model_versions.c.model_id == model.id]
    found = await uow.versions.list(scope, limit=page.limit, cursor=page.cursor, where=of_model)
    return PageRead.of(found, ModelVersionRead.of)


@router.get("/{name}/versions/{version}", **requires("models:read"))
async def get_model_version(name: Name, version: Number, uow: ReadUow, scope: CurrentScope) -> ModelVersionRead:
    """Show a version with its metrics and lineage."""
    model = await uow.models.named(scope, name)
    return ModelVersionRead.of(await uow.versions.numbered(scope, model, version))


@router.get("/{name}/versions/{version}/lineage", **requires("models:read"))
async def get_lineage(name: Name, version: Number, uow: ReadUow, scope: CurrentScope) -> LineageRead:
    """Show what a version was made from."""
    return (await get_model_version(name, version, uow, scope)).lineage


@router.put("/{name}/versions/{version}/aliases/{alias}", **requires("models:write"))
async def set_alias(name: Name, version: Number, alias: Alias, uow: Uow, scope: CurrentScope) -> ModelRead:
    """Make an alias name this version."""
    return ModelRead.of(await service.set_alias(uow, scope=scope, name=name, number=version, alias=alias))


@router.delete("/{name}/aliases/{alias}", status_code=204, **requires("models:write"))
async def drop_alias(name: Name, alias: Alias, uow: Uow, scope: CurrentScope) -> None:
    """Forget an alias."""
    await service.drop_alias(uow, scope=scope, name=name, alias=alias)


@router.put("/{name}/versions/{version}/stage", **requires("models:write"))
async def set_stage(name: Name, version: Number, body: StageWrite, uow: Uow, scope: CurrentScope) -> ModelVersionRead:
    """Put a version into a stage; `archived` takes it out of use for good."""
    moved = await service.move_to_stage(uow, scope=scope, name=name, number=version, stage=body.stage)
    return ModelVersionRead.of(moved)
