"""Events in. Each handler expects its event twice, late and out of order."""

from skyulf_events import DatasetCreated, DatasetDeleted, DatasetFailed, DatasetProfiled
from skyulf_service.messaging.consumers import Consumers
from skyulf_service.messaging.policy import Delivery

from skyulf_pipeline.clients import IngestionFeed
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


class CatchUp:
    """Repairs the copy of the datasets from ingestion's own feed, since a broker may lose or forget events.

    Reads everything at the first call and what is new at the next ones. The inbox drops what was handled before.
    """

    def __init__(self, feed: IngestionFeed, delivery: Delivery[PipelineUnitOfWork]) -> None:
        self._feed = feed
        self._delivery = delivery
        self._position = 0

    async def run_once(self) -> None:
        """Handle what was published since the last call; `UnavailableError` while ingestion is away."""
        while True:
            records, position = await self._feed.after(self._position)
            if not records:
                return
            await self._delivery.process(records)
            self._position = position
