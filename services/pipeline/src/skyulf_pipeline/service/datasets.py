"""The copy of ingestion's datasets, kept by events that arrive twice, late and out of order."""

from collections.abc import Mapping

from skyulf_events import DatasetCreated, DatasetDeleted, DatasetFailed, DatasetProfiled
from skyulf_service.scope import Scope

from skyulf_pipeline.domain.datasets import (
    Dataset,
    DatasetStatus,
    DatasetVersion,
    StoredFile,
    unknown,
)
from skyulf_pipeline.persistence.unit_of_work import PipelineUnitOfWork


async def note_created(uow: PipelineUnitOfWork, *, event: DatasetCreated) -> None:
    """A version is on its way."""
    await uow.datasets.put(_dataset(event, DatasetStatus.PROCESSING))


async def note_profiled(uow: PipelineUnitOfWork, *, event: DatasetProfiled) -> None:
    """A version can be trained on."""
    parquet = event.parquet
    dataset = Dataset(
        dataset_id=event.dataset_id,
        number=event.version,
        project_id=event.project_id,
        name=event.name,
        status=DatasetStatus.READY,
        order=event.aggregate_version,
        rows=event.rows,
        columns=tuple(column.model_dump(mode="json") for column in event.columns),
        file=StoredFile(bucket=parquet.bucket, key=parquet.key, sha256=parquet.sha256, size=parquet.size),
    )
    await uow.datasets.put(dataset)


async def note_failed(uow: PipelineUnitOfWork, *, event: DatasetFailed) -> None:
    """A version will never be ready."""
    await uow.datasets.put(_dataset(event, DatasetStatus.FAILED, reason=event.error.message))


async def forget(uow: PipelineUnitOfWork, *, event: DatasetDeleted) -> None:
    """A dataset is gone with all its versions."""
    await uow.datasets.forget(_dataset(event, DatasetStatus.DELETED))


async def find(uow: PipelineUnitOfWork, *, scope: Scope, wanted: DatasetVersion) -> Dataset:
    """Return a dataset that can be read, or raise `UnknownDatasetError` or `DatasetNotReadyError`."""
    found = await uow.datasets.find(scope, wanted.dataset_id, wanted.number)
    if found is None:
        raise unknown(wanted.dataset_id, wanted.number)
    found.require_file()
    return found


async def find_each(
    uow: PipelineUnitOfWork, *, scope: Scope, wanted: Mapping[str, DatasetVersion]
) -> dict[str, Dataset]:
    """Return the datasets of sources by their name; raises what `find` raises."""
    return {name: await find(uow, scope=scope, wanted=version) for name, version in wanted.items()}


def _dataset(
    event: DatasetCreated | DatasetFailed | DatasetDeleted, status: DatasetStatus, *, reason: str = ""
) -> Dataset:
    return Dataset(
        dataset_id=event.dataset_id,
        number=event.version,
        project_id=event.project_id,
        name=event.name,
        status=status,
        order=event.aggregate_version,
        reason=reason,
    )
