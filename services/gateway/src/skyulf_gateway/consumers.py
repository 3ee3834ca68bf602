"""Events in. Each handler expects its event twice, late and out of order."""

from skyulf_service.messaging.consumers import Consumers
from skyulf_service.messaging.records import Message

from skyulf_gateway.persistence.unit_of_work import GatewayUnitOfWork
from skyulf_gateway.service import event_log

# by the topics and by the feeds the same events come at the same time, in other orders
consumers: Consumers[GatewayUnitOfWork] = Consumers(group="gateway", first=event_log.lock_log)


@consumers.on_any
async def log_event(uow: GatewayUnitOfWork, message: Message) -> None:
    """Every event goes into the event log, from which subscribers are served."""
    await event_log.append_event(uow, message=message)
