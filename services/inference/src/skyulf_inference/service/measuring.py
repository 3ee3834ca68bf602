"""What the worker counts in inference's database, for operators."""

from collections.abc import Awaitable, Callable

from prometheus_client import Gauge
from skyulf_service.database.unit_of_work import UnitOfWorks

from skyulf_inference.persistence.unit_of_work import InferenceUnitOfWork

REPLICAS = Gauge("skyulf_inference_replicas", "Replicas of inference that live")
UNSERVED = Gauge("skyulf_deployments_unserved", "Active deployments that no live replica answers for")


def replicas_of(uows: UnitOfWorks[InferenceUnitOfWork]) -> Callable[[], Awaitable[None]]:
    """Build the measure of live replicas, and of the deployments that none of them answers for."""

    async def measure() -> None:
        async with uows.read() as uow:
            REPLICAS.set(await uow.replicas.live())
            UNSERVED.set(await uow.replicas.unserved())

    return measure
