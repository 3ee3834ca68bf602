"""Events in. Each handler expects its event twice, late and out of order."""

from skyulf_events import DeploymentFailed, DeploymentReady, JobCompleted
from skyulf_service.messaging.consumers import Consumers

from skyulf_registry import service
from skyulf_registry.persistence.unit_of_work import RegistryUnitOfWork

consumers: Consumers[RegistryUnitOfWork] = Consumers(group="registry")


@consumers.on(JobCompleted)
async def register_trained_model(uow: RegistryUnitOfWork, event: JobCompleted) -> None:
    """A job that succeeded becomes a model version."""
    if event.succeeded:
        await service.register_version(uow, event=event)


@consumers.on(DeploymentReady)
async def note_deployment_ready(uow: RegistryUnitOfWork, event: DeploymentReady) -> None:
    """What inference serves becomes the observed state."""
    await service.note_ready(uow, event=event)


@consumers.on(DeploymentFailed)
async def note_deployment_failed(uow: RegistryUnitOfWork, event: DeploymentFailed) -> None:
    """What inference cannot serve becomes the observed state, with the reason."""
    await service.note_failed(uow, event=event)
