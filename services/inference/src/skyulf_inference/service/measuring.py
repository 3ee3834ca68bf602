"""What the worker counts in inference's database, for operators."""

from collections.abc import Awaitable, Callable

from prometheus_client import Gauge
from skyulf_service.database.unit_of_work import UnitOfWorks

from skyulf_inference.persistence.unit_of_work import InferenceUnitOfWork

REPLICAS = Gauge("skyulf_inference_replicas", "Replicas of inference that live")


def replicas_of(uows: UnitOfWorks[InferenceUnitOfWork]) -> Callable[[], Awaitable[None]]:
    """Build the measure of live replicas."""

    async def measure() -> None:
        async with uows.read() as uow:
            REPLICAS.set(await uow.replicas.live())

    return measure
