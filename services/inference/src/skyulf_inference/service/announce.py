"""The worker's conclusion from what replicas say: ready, or failed with the reason."""

import asyncio
from uuid import UUID

import structlog
from skyulf_service.database.unit_of_work import UnitOfWorks
from skyulf_service.errors import StaleVersionError
from skyulf_service.telemetry.tracing import span, use_traceparent

from skyulf_inference import events
from skyulf_inference.domain.serving import ServingStatus
from skyulf_inference.persistence.unit_of_work import InferenceUnitOfWork
from skyulf_inference.service.desired import SYSTEM

_log = structlog.get_logger(__name__)
POLL_SECONDS = 0.1
FORGET_SECONDS = 300.0


async def announce(uow: InferenceUnitOfWork, *, serving_id: UUID) -> bool:
    """Announce a change of what is observed of one deployment; says whether there was one."""
    serving = await uow.servings.require(SYSTEM, serving_id)
    states = await uow.replicas.states(serving)
    if serving.target is None or not serving.judge(await uow.replicas.live(), states):
        return False
    await uow.servings.save(serving)
    still_serving = next((state.serving_revision for state in states if state.serving_revision), None)
    with use_traceparent(serving.traceparent), span("deployment.announce"):
        if serving.status is ServingStatus.READY:
            await uow.publish(events.deployment_ready(serving, serving.target))
        else:
            await uow.publish(events.deployment_failed(serving, serving.target, still_serving))
    return True


class Announcer:
    """Looks at what may have changed until cancelled. Several may run: the aggregate's version lets one of them win."""

    def __init__(self, uows: UnitOfWorks[InferenceUnitOfWork]) -> None:
        self._uows = uows

    async def run(self) -> None:
        """Announce what changes; a database that is away is waited for."""
        forget_at = 0.0
        while True:
            try:
                await self.announce_all()
                if asyncio.get_running_loop().time() >= forget_at:
                    forget_at = asyncio.get_running_loop().time() + FORGET_SECONDS
                    async with self._uows() as uow:
                        await uow.replicas.forget_dead()
            except Exception as error:
                _log.warning("deployments.announce_failed", error=repr(error))
                await asyncio.sleep(1.0)
            await asyncio.sleep(POLL_SECONDS)

    async def announce_all(self) -> None:
        """Go through everything that may not be as announced. While no replica lives there is nobody to go by."""
        async with self._uows.read() as uow:
            live = await uow.replicas.live()
            unsettled = [serving.id for serving in await uow.servings.unsettled(live)] if live else []
            judged = [serving_id for serving_id in unsettled if await _would_change(uow, serving_id)]
        for serving_id in judged:
            try:
                async with self._uows() as uow:
                    await announce(uow, serving_id=serving_id)
            except StaleVersionError:
                continue  # somebody else announced it, or a newer wish arrived


async def _would_change(uow: InferenceUnitOfWork, serving_id: UUID) -> bool:
    serving = await uow.servings.require(SYSTEM, serving_id)
    return serving.judge(await uow.replicas.live(), await uow.replicas.states(serving))
