"""Events in. Each handler expects its event twice, late and out of order."""

from skyulf_events import DatasetCreated, DatasetDeleted, DatasetFailed, DatasetProfiled
from skyulf_service.messaging.consumers import Consumers

from skyulf_pipeline.persistence.unit_of_work import PipelineUnitOfWork
from skyulf_pipeline.service import datasets

consumers: Consumers[PipelineUnitOfWork] = Consumers(group="pipeline")


@consumers.on(DatasetCreated)
async def note_created_dataset(uow: PipelineUnitOfWork, event: DatasetCreated) -> None:
    """A dataset is on its way, so that a run can be told to wait for it."""
    await datasets.note_created(uow, event=event)


@consumers.on(DatasetProfiled)
async def note_profiled_dataset(uow: PipelineUnitOfWork, event: DatasetProfiled) -> None:
    """A dataset can be trained on."""
    await datasets.note_profiled(uow, event=event)


@consumers.on(DatasetFailed)
async def note_failed_dataset(uow: PipelineUnitOfWork, event: DatasetFailed) -> None:
    """A dataset will never be ready."""
    await datasets.note_failed(uow, event=event)


@consumers.on(DatasetDeleted)
async def forget_dataset(uow: PipelineUnitOfWork, event: DatasetDeleted) -> None:
    """A dataset is gone."""
    await datasets.forget(uow, event=event)
