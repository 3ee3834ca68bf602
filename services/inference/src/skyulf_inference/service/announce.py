"""The worker's conclusion from what replicas say: ready, or failed with the reason."""

import asyncio
from time import monotonic
from uuid import UUID

import structlog
from skyulf_service.database.hearing import Hearing
from skyulf_service.database.unit_of_work import UnitOfWorks
from skyulf_service.errors import StaleVersionError
from skyulf_service.telemetry.tracing import span, use_traceparent

from skyulf_inference import events
from skyulf_inference.domain.serving import Serving, ServingStatus
from skyulf_inference.persistence.unit_of_work import InferenceUnitOfWork
from skyulf_inference.service.desired import SYSTEM

_log = structlog.get_logger(__name__)
DEAF_SECONDS = 0.1
# for news that were lost
UNTOLD_SECONDS = 2.0
# the moment after the last one of a replica that falls silent
SILENCE_SECONDS = 0.02
FORGET_SECONDS = 300.0
# all replicas may be restarting at once, on a slow machine
ALONE_SECONDS = 60.0


async def announce(uow: InferenceUnitOfWork, *, serving_id: UUID, abandoned: bool = False) -> bool:
    """Announce a change of what is observed of one deployment; says whether there was one."""
    serving = await uow.servings.require(SYSTEM, serving_id)
    states = await uow.replicas.states(serving)
    if serving.target is None or not serving.judge(await uow.replicas.live(serving), states, abandoned=abandoned):
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
    """Looks at what may have changed until cancelled. Several may run: the aggregate's version lets one of them win.

    It looks when a commit of inference's database is heard of, when a replica has fallen silent, and every
    ``untold_seconds``.
    """

    def __init__(
        self,
        uows: UnitOfWorks[InferenceUnitOfWork],
        *,
        alone_seconds: float = ALONE_SECONDS,
        untold_seconds: float = UNTOLD_SECONDS,
    ) -> None:
        self._uows = uows
        self._hearing = Hearing(uows.database)
        self._alone_seconds = alone_seconds
        self._untold_seconds = untold_seconds
        self._alone_since: float | None = None

    async def run(self) -> None:
        """Announce what changes; a database that is away is waited for."""
        async with self._hearing.open():
            await self._announce_forever()

    async def _announce_forever(self) -> None:
        forget_at = 0.0
        while True:
            pause = DEAF_SECONDS
            try:
                pause = await self.announce_all()
                if asyncio.get_running_loop().time() >= forget_at:
                    forget_at = asyncio.get_running_loop().time() + FORGET_SECONDS
                    async with self._uows() as uow:
                        await uow.replicas.forget_dead()
            except Exception as error:
                _log.warning("deployments.announce_failed", error=repr(error))
                await asyncio.sleep(1.0)
            await self._hearing.wait(pause, deaf=DEAF_SECONDS)

    async def announce_all(self) -> float:
        """Go through everything that may not be as announced; returns in how many seconds to look again untold."""
        async with self._uows.read() as uow:
            living = await uow.replicas.living()
            abandoned = self._is_abandoned(living.shared)
            if living.seconds is None and not abandoned:
                return self._untold_seconds
            unsettled = await uow.servings.unsettled(living)
            judged = [serving.id for serving in unsettled if await _would_change(uow, serving, abandoned)]
        for serving_id in judged:
            try:
                async with self._uows() as uow:
                    await announce(uow, serving_id=serving_id, abandoned=abandoned)
            except StaleVersionError:
                continue  # somebody else announced it, or a newer wish arrived
        if living.seconds is None:
            return self._untold_seconds
        return min(living.seconds + SILENCE_SECONDS, self._untold_seconds)

    def _is_abandoned(self, live: int) -> bool:
        now = monotonic()
        if live:
            self._alone_since = None
        elif self._alone_since is None:
            self._alone_since = now
        return self._alone_since is not None and now - self._alone_since >= self._alone_seconds


async def _would_change(uow: InferenceUnitOfWork, serving: Serving, abandoned: bool) -> bool:
    states = await uow.replicas.states(serving)
    return serving.judge(await uow.replicas.live(serving), states, abandoned=abandoned)
