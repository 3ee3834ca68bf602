"""Events in. Each handler expects its event twice, late and out of order."""

from skyulf_service.messaging.consumers import Consumers
from skyulf_service.messaging.records import Message

from skyulf_gateway.persistence.unit_of_work import GatewayUnitOfWork
from skyulf_gateway.service import event_log

consumers: Consumers[GatewayUnitOfWork] = Consumers(group="gateway")


@consumers.on_any
async def log_event(uow: GatewayUnitOfWork, message: Message) -> None:
    """Every event goes into the event log, from which subscribers are served."""
    await event_log.append_event(uow, message=message)
