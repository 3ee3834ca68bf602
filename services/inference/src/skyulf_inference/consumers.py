"""Events in. Each handler expects its event twice, late and out of order."""

from skyulf_events import ModelDeployed, ModelUndeployed
from skyulf_service.messaging.consumers import Consumers

from skyulf_inference.persistence.unit_of_work import InferenceUnitOfWork
from skyulf_inference.service import desired

consumers: Consumers[InferenceUnitOfWork] = Consumers(group="inference")


@consumers.on(ModelDeployed)
async def note_deployed(uow: InferenceUnitOfWork, event: ModelDeployed) -> None:
    """What registry wants served becomes desired state."""
    await desired.note_wish(uow, event=event)


@consumers.on(ModelUndeployed)
async def note_undeployed(uow: InferenceUnitOfWork, event: ModelUndeployed) -> None:
    """What registry wants stopped becomes desired state."""
    await desired.note_wish(uow, event=event)
