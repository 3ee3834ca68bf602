"""Long work in: what one claimed import means."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from pydantic import JsonValue
from skyulf_service.database.unit_of_work import UnitOfWorks
from skyulf_service.errors import SkyulfError, may_hide_commit
from skyulf_service.objects.files import digest_file
from skyulf_service.objects.store import ObjectStore
from skyulf_service.telemetry.tracing import span, use_traceparent
from skyulf_service.work.calls import ChildRunner, Progress
from skyulf_service.work.claims import Claim
from skyulf_service.work.metering import begin_calling
from skyulf_service.work.queue import WorkQueue
from skyulf_service.work.scratch import ScratchFolders
from skyulf_service.work.slots import ChildSlots
from skyulf_service.work.supervisor import Supervisor

from skyulf_ingestion import service
from skyulf_ingestion.domain.datasets import Column, Import, Normalised, Stored, output_key
from skyulf_ingestion.persistence.tables import imports
from skyulf_ingestion.persistence.unit_of_work import IngestionUnitOfWork
from skyulf_ingestion.settings import IngestionSettings

NORMALISE = "skyulf_ingestion.child.normalise:normalise"
OUTPUT_FILES = ("dataset.parquet", "profile.json")


@dataclass(frozen=True)
class ImportHandler:
    """Reads an upload in a child and ends its import in one fenced commit."""

    uows: UnitOfWorks[IngestionUnitOfWork]
    store: ObjectStore
    scratch: ScratchFolders
    settings: IngestionSettings

    async def run(self, claim: Claim, child: ChildRunner, progress: Progress) -> None:
        """Normalise, profile, store, and make the dataset ready."""
        async with self.uows.read() as uow:
            work = await uow.imports.require(service.SYSTEM, claim.id)
        with use_traceparent(work.traceparent), span("dataset.import"):
            await self._import(claim, work, child, progress)

    async def _import(self, claim: Claim, work: Import, child: ChildRunner, progress: Progress) -> None:
        async with self.scratch.folder(claim) as folder:
            source = folder / "upload"
            await self.store.fetch(work.source.key, source, sha256=work.source.sha256)
            found = await child.call(
                NORMALISE,
                _spec(work, source, folder),
                scratch=folder,
                memory_limit=self.settings.import_memory_bytes,
                deadline=timedelta(seconds=self.settings.import_seconds),
                on_progress=progress,
            )
            try:
                parquet = await self._keep(claim, folder / OUTPUT_FILES[0])
                profile = await self._keep(claim, folder / OUTPUT_FILES[1])
            except BaseException:
                await self._drop(claim)
                raise
        try:
            async with self.uows() as uow:
                await service.finish_import(uow, claim=claim, content=_content(found, parquet, profile))
        except SkyulfError as error:
            # where a commit may have taken effect the collector decides
            if not may_hide_commit(error):
                await self._drop(claim)
            raise

    async def failed(self, claim: Claim, code: str, message: str) -> None:
        """Record why the import failed."""
        with use_traceparent(_trace_of(claim)):
            async with self.uows() as uow:
                await service.fail_import(uow, claim=claim, code=code, message=message)

    async def cancelled(self, claim: Claim) -> None:
        """Record that the import has stopped."""
        with use_traceparent(_trace_of(claim)):
            async with self.uows() as uow:
                await service.end_cancelled(uow, claim=claim)

    async def _keep(self, claim: Claim, path: Path) -> Stored:
        found = await asyncio.to_thread(digest_file, path)
        key = output_key(claim.id, claim.epoch, path.name)
        await self.store.put_file(key, path, sha256=found.sha256)
        return Stored(bucket=self.store.bucket, key=key, sha256=found.sha256, size=found.size)

    async def _drop(self, claim: Claim) -> None:
        # what cannot be removed now is the collector's
        with suppress(SkyulfError):
            for name in OUTPUT_FILES:
                await self.store.delete(output_key(claim.id, claim.epoch, name))


def build_supervisor(handler: ImportHandler) -> Supervisor:
    """The supervisor of imports; its children have polars loaded and wait."""
    begin_calling([NORMALISE])
    settings = handler.settings
    slots = ChildSlots(settings.import_concurrency, preload=["skyulf_ingestion.child.normalise"])
    return Supervisor(
        WorkQueue(imports, handler.uows.database),
        slots,
        handler,
        lease=timedelta(seconds=settings.lease_seconds),
        concurrency=settings.import_concurrency,
    )


def _trace_of(claim: Claim) -> str | None:
    found = claim.row["traceparent"]
    return found if isinstance(found, str) else None


def _spec(work: Import, source: Path, folder: Path) -> dict[str, JsonValue]:
    return {
        "source": str(source),
        "scratch": str(folder),
        "format": work.format.value,
        "encoding": work.options.encoding,
        "separator": work.options.separator,
    }


def _content(found: dict[str, JsonValue], parquet: Stored, profile: Stored) -> Normalised:
    columns = found["columns"]
    return Normalised(
        rows=found["rows"],  # type: ignore[arg-type]  # the child is our own code
        columns=tuple(Column(**column) for column in columns),  # type: ignore[union-attr, arg-type]
        parquet=parquet,
        profile=profile,
        summary=found["summary"],  # type: ignore[arg-type]
    )
