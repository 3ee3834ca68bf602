"""Ingestion's use cases: decide, order, publish."""

from dataclasses import dataclass
from functools import partial
from uuid import UUID

from prometheus_client import Counter
from skyulf_service.ids import new_id, utc_now
from skyulf_service.scope import Scope
from skyulf_service.telemetry.tracing import current_traceparent
from skyulf_service.work.claims import Claim, fence

from skyulf_ingestion import events
from skyulf_ingestion.domain.datasets import Dataset, DatasetStatus, Format, Import, Normalised, ReadOptions, Stored
from skyulf_ingestion.domain.errors import DatasetSettledError
from skyulf_ingestion.persistence.leftovers import let_go
from skyulf_ingestion.persistence.tables import imports
from skyulf_ingestion.persistence.unit_of_work import IngestionUnitOfWork

SYSTEM = Scope.system("ingestion")
DATASETS = Counter("skyulf_datasets_imported_total", "Uploads whose import ended, by how", ["outcome"])
ROWS = Counter("skyulf_dataset_rows_total", "Rows of datasets that became ready")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that lies whole in the object store, and how it is to be read."""

    name: str
    format: Format
    source: Stored
    options: ReadOptions


async def accept_upload(uow: IngestionUnitOfWork, *, scope: Scope, upload: Upload) -> Dataset:
    """Make a dataset of an upload, queue its import, and announce it."""
    now, project = utc_now(), scope.require_project()
    dataset = Dataset(
        id=new_id(),
        project_id=project,
        name=upload.name,
        format=upload.format,
        source=upload.source,
        created_at=now,
        updated_at=now,
    )
    work = Import(
        id=new_id(),
        project_id=project,
        dataset_id=dataset.id,
        format=upload.format,
        source=upload.source,
        options=upload.options,
        traceparent=current_traceparent(),
        created_at=now,
        updated_at=now,
    )
    await uow.datasets.add(dataset)
    await uow.imports.add(work)
    await uow.publish(events.dataset_created(dataset))
    return dataset


async def cancel(uow: IngestionUnitOfWork, *, scope: Scope, dataset_id: UUID) -> Dataset:
    """Stop a dataset's import: at once where it waits, else as soon as its runner has killed the child."""
    dataset, work = await _held(uow, scope, dataset_id)
    if dataset.status is not DatasetStatus.PROCESSING:
        raise DatasetSettledError(f"Dataset {dataset.name!r} is {dataset.status.value} already.")
    work.request_cancel()
    await uow.imports.save(work)
    if work.is_finished:
        await _settle_cancelled(uow, dataset, work)
    return dataset


async def rename(uow: IngestionUnitOfWork, *, scope: Scope, dataset_id: UUID, name: str) -> Dataset:
    """Give a dataset another name."""
    dataset = await uow.datasets.require(scope, dataset_id)
    dataset.name = name
    await uow.datasets.save(dataset)
    return dataset


async def delete(uow: IngestionUnitOfWork, *, scope: Scope, dataset_id: UUID) -> Dataset:
    """Forget a dataset with its objects and announce it. A running import loses its row, and so the right to write."""
    dataset, work = await _held(uow, scope, dataset_id)
    await uow.publish(events.dataset_deleted(dataset))
    await uow.imports.delete(work)
    await uow.datasets.delete(dataset)
    await let_go(uow.connection, [*dataset.object_keys(), work.outputs()])
    return dataset


async def finish_import(uow: IngestionUnitOfWork, *, claim: Claim, content: Normalised) -> None:
    """Make the dataset ready and announce it, unless the claim was lost meanwhile."""
    await fence(uow.connection, imports, claim)
    work = await uow.imports.require(SYSTEM, claim.id)
    work.succeed()
    await uow.imports.save(work)
    dataset = await uow.datasets.require(SYSTEM, work.dataset_id)
    dataset.become_ready(content)
    await uow.datasets.save(dataset)
    await uow.publish(events.dataset_profiled(dataset, content))
    uow.after_commit(partial(_count, DatasetStatus.READY, content.rows))


async def fail_import(uow: IngestionUnitOfWork, *, claim: Claim, code: str, message: str) -> None:
    """Record why the import failed and announce it, unless the claim was lost meanwhile."""
    await fence(uow.connection, imports, claim)
    work = await uow.imports.require(SYSTEM, claim.id)
    work.fail(code, message)
    await uow.imports.save(work)
    dataset = await uow.datasets.require(SYSTEM, work.dataset_id)
    if work.cancel_requested:
        await _settle_cancelled(uow, dataset, work)
        return
    dataset.fail(code, message)
    await uow.datasets.save(dataset)
    await let_go(uow.connection, [*dataset.object_keys(), work.outputs()])
    await uow.publish(events.dataset_failed(dataset))
    uow.after_commit(partial(_count, DatasetStatus.FAILED))


async def end_cancelled(uow: IngestionUnitOfWork, *, claim: Claim) -> None:
    """Record that the import has stopped, and announce it."""
    await fence(uow.connection, imports, claim)
    work = await uow.imports.require(SYSTEM, claim.id)
    work.end_cancelled()
    await uow.imports.save(work)
    await _settle_cancelled(uow, await uow.datasets.require(SYSTEM, work.dataset_id), work)


async def _held(uow: IngestionUnitOfWork, scope: Scope, dataset_id: UUID) -> tuple[Dataset, Import]:
    """A dataset and its import, for which a runner's word of the moment is waited: it is no conflict for people."""
    await uow.datasets.require(scope, dataset_id)
    # the import first, as runners do; the dataset after it, as it is by now
    work = await uow.imports.of_dataset(scope, dataset_id, lock=True)
    return await uow.datasets.require(scope, dataset_id), work


async def _settle_cancelled(uow: IngestionUnitOfWork, dataset: Dataset, work: Import) -> None:
    dataset.cancel()
    await uow.datasets.save(dataset)
    await let_go(uow.connection, [*dataset.object_keys(), work.outputs()])
    await uow.publish(events.dataset_failed(dataset))
    uow.after_commit(partial(_count, DatasetStatus.CANCELLED))


def _count(outcome: DatasetStatus, rows: int = 0) -> None:
    DATASETS.labels(outcome.value).inc()
    ROWS.inc(rows)
