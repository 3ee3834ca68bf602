"""Models that leave this installation, and those that come from another one."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from skyulf_service.database.unit_of_work import UnitOfWorks
from skyulf_service.errors import SkyulfError, UnsupportedTypeError, may_hide_commit
from skyulf_service.http.dependencies import CurrentScope
from skyulf_service.http.idempotency import Idempotency, KnownAnswer
from skyulf_service.http.requires import requires
from skyulf_service.ids import new_id
from skyulf_service.objects.blobs import BlobRef, Blobs
from skyulf_service.objects.store import ObjectStore

from skyulf_pipeline.api.dependencies import SLUG, JobId, PipelineId
from skyulf_pipeline.api.job_schemas import JobRead
from skyulf_pipeline.domain.jobs import Pinned, Received
from skyulf_pipeline.domain.packs import MEDIA_TYPE
from skyulf_pipeline.persistence.packs import bundle_files, pack
from skyulf_pipeline.persistence.unit_of_work import PipelineUnitOfWork
from skyulf_pipeline.service import imports, pipelines
from skyulf_pipeline.service.imports import ImportRequest

UPLOADS = "uploads/"
TYPES = (MEDIA_TYPE, "application/octet-stream", "")
TAR: dict[str, object] = {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}
PLAIN = r"[^\x00-\x1f\x7f]"
SOURCE = rf"^[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}:[1-9][0-9]{{0,8}}:{PLAIN}{{1,200}}$"
Version = Annotated[int, Query(ge=1, le=2**31 - 1)]


class BundleFileRead(BaseModel):
    """A file of a model's bundle."""

    path: str
    size: int
    sha256: str

    @classmethod
    def of(cls, path: str, ref: BlobRef) -> Self:
        """A file as the API shows it."""
        return cls(path=path, size=ref.size, sha256=ref.sha256)


class BundleFilesRead(BaseModel):
    """All files of a model's bundle, in the order of their names."""

    items: list[BundleFileRead]
    next_cursor: None = None


# an address beyond 64 KiB is no HTTP request to the server; so many names of 200 letters of any script fit
MOST_SOURCES = 20


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What the address of an import says of the model. What it was made from is taken as told, and need not be here."""

    pipeline_version: Version
    dataset_id: Annotated[UUID, Query()]
    dataset_version: Version
    dataset_name: Annotated[str, Query(max_length=255, pattern=rf"^{PLAIN}*$")] = ""
    source: Annotated[
        list[Annotated[str, Query(pattern=SOURCE)]] | None,
        Query(
            max_length=MOST_SOURCES, description="A further source, as `<dataset id>:<version>:<name of the source>`"
        ),
    ] = None
    register_as: Annotated[
        str | None, Query(pattern=SLUG, description="The model that gets the version; default: the pipeline's")
    ] = None

    def to_request(self, received: Received) -> ImportRequest:
        """The options as the use case wants them."""
        sources = [each.split(":", 2) for each in self.source or ()]
        return ImportRequest(
            received=received,
            pipeline_version=self.pipeline_version,
            dataset=Pinned(self.dataset_id, self.dataset_version, self.dataset_name),
            sources={name: Pinned(UUID(dataset), int(version), name) for dataset, version, name in sources},
            register_as=self.register_as,
        )


def create_router(
    uows: UnitOfWorks[PipelineUnitOfWork], open_bucket: Callable[[], ObjectStore], *, max_bytes: int
) -> APIRouter:
    """The endpoints of packs: outside of a transaction while bytes flow, since people's networks are slow."""
    router = APIRouter(prefix="/api/v1")
    reads = requires("models:read")
    whole: dict[int | str, dict[str, object]] = {200: {"description": "A tar", "content": TAR}}
    sent = requires("models:write", max_body_bytes=max_bytes)
    body = {"requestBody": {"required": True, "content": {**TAR, "application/octet-stream": TAR[MEDIA_TYPE]}}}
    sent["openapi_extra"] = {**sent["openapi_extra"], **body}  # type: ignore[dict-item]  # OpenAPI's own shape

    @router.get("/jobs/{job_id}/bundle", tags=["jobs"], response_class=StreamingResponse, responses=whole, **reads)
    async def get_job_bundle(job_id: JobId, scope: CurrentScope) -> StreamingResponse:
        """Download all that a job has made, for another installation: a tar of bundle, figures and report."""
        async with uows.read() as uow:
            outcome = (await uow.jobs.require(scope, job_id)).require_outcome()
        found = await pack(Blobs(open_bucket()), outcome)
        headers = {"Content-Length": str(found.size), "Content-Disposition": 'attachment; filename="model.tar"'}
        return StreamingResponse(found.chunks(), media_type=MEDIA_TYPE, headers=headers)

    @router.get("/jobs/{job_id}/bundle/files", tags=["jobs"], **requires("models:read"))
    async def list_job_bundle_files(job_id: JobId, scope: CurrentScope) -> BundleFilesRead:
        """List what a job's model consists of; the same files are the same model, wherever they are."""
        async with uows.read() as uow:
            outcome = (await uow.jobs.require(scope, job_id)).require_outcome()
        found = await bundle_files(Blobs(open_bucket()), outcome.artifact)
        return BundleFilesRead(items=[BundleFileRead.of(path, ref) for path, ref in found.items()])

    @router.post("/pipelines/{pipeline_id}/imports", status_code=202, tags=["pipelines"], **sent)
    async def import_model(
        pipeline_id: PipelineId,
        request: Request,
        scope: CurrentScope,
        options: Annotated[ImportOptions, Depends()],
        idempotency: Idempotency,
    ) -> JobRead:
        """Queue the import of a model that the pipeline has made elsewhere; the body is what `jobs/{id}/bundle` gave.

        It is checked as a trained one is, signed here, and becomes the next version of its model.
        """
        async with uows.read() as uow:  # before gigabytes come for nothing
            await pipelines.active(uow, scope=scope, pipeline_id=pipeline_id)
        async with _received(request, open_bucket()) as received, uows() as uow:

            async def accept() -> JobRead:
                wanted = options.to_request(received)
                return JobRead.of(await imports.queue_import(uow, scope=scope, pipeline_id=pipeline_id, request=wanted))

            return await idempotency.once(uow, scope, received.sha256, accept)

    return router


@asynccontextmanager
async def _received(request: Request, store: ObjectStore) -> AsyncIterator[Received]:
    """Store the request's body; the object is removed again if the block refuses it."""
    media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media_type not in TYPES:
        raise UnsupportedTypeError(f"The media type {media_type!r} is not read; send {MEDIA_TYPE}.")
    key = f"{UPLOADS}{new_id()}"
    stored = await store.put_stream(key, request.stream())
    try:
        yield Received(key=key, sha256=stored.sha256, size=stored.size)
    except (SkyulfError, KnownAnswer) as error:
        # where a commit may have taken effect the collector of orphans finds out
        if isinstance(error, KnownAnswer) or not may_hide_commit(error):
            await store.delete(key)
        raise
