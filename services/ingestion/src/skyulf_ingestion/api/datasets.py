"""Datasets: upload, list, show, sample, profile, cancel, delete."""

import json
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from skyulf_service.http.dependencies import CurrentScope, IfMatch, PageQuery, etag
from skyulf_service.http.downloads import download
from skyulf_service.http.idempotency import Idempotency
from skyulf_service.http.pages import PageRead
from skyulf_service.http.requires import requires
from skyulf_service.objects.blobs import BlobRef, Blobs
from skyulf_service.objects.store import ObjectStore

from skyulf_ingestion import service
from skyulf_ingestion.api.dependencies import ReadUow, Store, Uow
from skyulf_ingestion.api.schemas import (
    ColumnRead,
    DatasetRead,
    DatasetUpdate,
    SampleRead,
    SchemaRead,
    VersionRead,
    VersionsRead,
)
from skyulf_ingestion.api.uploads import UploadOptions, receive_upload
from skyulf_ingestion.domain.datasets import Format, Stored

MEDIA_TYPE = {Format.CSV: "text/csv", Format.PARQUET: "application/vnd.apache.parquet"}
FILE = {"schema": {"type": "string", "format": "binary"}}
UPLOAD_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "text/csv": FILE,
            "application/vnd.apache.parquet": FILE,
            "application/octet-stream": FILE,
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            },
        },
    }
}

EXPORTED: dict[int | str, dict[str, object]] = {
    200: {"description": "The file", "content": {"text/csv": FILE, "application/vnd.apache.parquet": FILE}}
}


class Exported(StrEnum):
    """What a dataset is exported as."""

    ORIGINAL = "original"
    PARQUET = "parquet"


def create_router(max_upload_bytes: int) -> APIRouter:
    """The endpoints of datasets. ``max_upload_bytes`` limits the body of an upload."""
    router = APIRouter(prefix="/api/v1/datasets", tags=["datasets"])
    upload = requires("datasets:write", max_body_bytes=max_upload_bytes)
    upload["openapi_extra"] = {**upload["openapi_extra"], **UPLOAD_BODY}  # type: ignore[dict-item]  # OpenAPI's own shape
    router.post("", status_code=202, **upload)(upload_dataset)
    router.get("", **requires("datasets:read"))(list_datasets)
    router.get("/{dataset_id}", **requires("datasets:read"))(get_dataset)
    router.patch("/{dataset_id}", **requires("datasets:write"))(update_dataset)
    router.delete("/{dataset_id}", status_code=204, **requires("datasets:delete"))(delete_dataset)
    router.get("/{dataset_id}/schema", **requires("datasets:read"))(get_dataset_schema)
    router.get("/{dataset_id}/sample", **requires("datasets:read"))(get_dataset_sample)
    profile = router.get("/{dataset_id}/profile", response_class=Response, **requires("datasets:read"))
    profile(get_dataset_profile)
    router.get("/{dataset_id}/versions", **requires("datasets:read"))(list_dataset_versions)
    export = router.get(
        "/{dataset_id}/export", response_class=StreamingResponse, responses=EXPORTED, **requires("datasets:read")
    )
    export(export_dataset)
    router.post("/{dataset_id}/cancel", status_code=202, **requires("datasets:write"))(cancel_dataset)
    return router


async def upload_dataset(
    request: Request,
    scope: CurrentScope,
    store: Store,
    options: Annotated[UploadOptions, Depends()],
    idempotency: Idempotency,
) -> DatasetRead:
    """Upload a file (CSV or Parquet) as the body or as a form's file; it is read and profiled in the background."""
    async with receive_upload(request, store, options) as upload, request.app.state.uows() as uow:

        async def accept() -> DatasetRead:
            return DatasetRead.of(await service.accept_upload(uow, scope=scope, upload=upload))

        return await idempotency.once(uow, scope, upload.source.sha256, accept)


async def list_datasets(uow: ReadUow, scope: CurrentScope, page: PageQuery) -> PageRead[DatasetRead]:
    """List the project's datasets, newest first."""
    return PageRead.of(await uow.datasets.list(scope, limit=page.limit, cursor=page.cursor), DatasetRead.of)


async def get_dataset(dataset_id: UUID, uow: ReadUow, scope: CurrentScope, response: Response) -> DatasetRead:
    """Show a dataset."""
    dataset = await uow.datasets.require(scope, dataset_id)
    response.headers["ETag"] = etag(dataset.version)
    return DatasetRead.of(dataset)


async def update_dataset(
    dataset_id: UUID, body: DatasetUpdate, uow: Uow, scope: CurrentScope, if_match: IfMatch
) -> DatasetRead:
    """Rename a dataset."""
    if_match.check((await uow.datasets.require(scope, dataset_id, lock=True)).version)
    return DatasetRead.of(await service.rename(uow, scope=scope, dataset_id=dataset_id, name=body.name))


async def delete_dataset(dataset_id: UUID, uow: Uow, scope: CurrentScope) -> None:
    """Delete a dataset."""
    await service.delete(uow, scope=scope, dataset_id=dataset_id)


async def get_dataset_schema(dataset_id: UUID, uow: ReadUow, scope: CurrentScope) -> SchemaRead:
    """Show a dataset's columns."""
    content = (await uow.datasets.require(scope, dataset_id)).require_content()
    return SchemaRead(columns=[ColumnRead.of(column) for column in content.columns])


async def get_dataset_sample(dataset_id: UUID, uow: ReadUow, scope: CurrentScope, store: Store) -> SampleRead:
    """Show a dataset's first rows (at most 100)."""
    content = (await uow.datasets.require(scope, dataset_id)).require_content()
    return SampleRead(rows=json.loads(await _bytes_of(store, content.profile))["sample"])


async def get_dataset_profile(dataset_id: UUID, uow: ReadUow, scope: CurrentScope, store: Store) -> Response:
    """Show a dataset's whole profile: every column with its types, nulls, distribution and warnings."""
    content = (await uow.datasets.require(scope, dataset_id)).require_content()
    return Response(await _bytes_of(store, content.profile), media_type="application/json")


async def list_dataset_versions(dataset_id: UUID, uow: ReadUow, scope: CurrentScope) -> VersionsRead:
    """List the versions of a dataset's data."""
    dataset = await uow.datasets.require(scope, dataset_id)
    work = await uow.imports.of_dataset(scope, dataset_id)
    return VersionsRead(items=[VersionRead.of(dataset, work.options)])


async def export_dataset(
    dataset_id: UUID,
    uow: ReadUow,
    scope: CurrentScope,
    store: Store,
    format: Annotated[
        Exported, Query(description="The table as it was read, or the file as it was uploaded")
    ] = Exported.PARQUET,
) -> StreamingResponse:
    """Download a dataset: its table as Parquet, or the file that was uploaded."""
    dataset = await uow.datasets.require(scope, dataset_id)
    content = dataset.require_content()
    stored, kind = (
        (dataset.source, dataset.format) if format is Exported.ORIGINAL else (content.parquet, Format.PARQUET)
    )
    ref = BlobRef(sha256=stored.sha256, size=stored.size, key=stored.key)
    return await download(Blobs(store), ref, MEDIA_TYPE[kind])


async def cancel_dataset(dataset_id: UUID, uow: Uow, scope: CurrentScope, idempotency: Idempotency) -> DatasetRead:
    """Stop reading an upload."""

    async def cancel() -> DatasetRead:
        return DatasetRead.of(await service.cancel(uow, scope=scope, dataset_id=dataset_id))

    return await idempotency.once(uow, scope, None, cancel)


async def _bytes_of(store: ObjectStore, stored: Stored) -> bytes:
    return await Blobs(store).get_bytes(BlobRef(sha256=stored.sha256, size=stored.size, key=stored.key))
