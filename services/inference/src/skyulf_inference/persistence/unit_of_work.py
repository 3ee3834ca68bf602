"""Inference's unit of work: its repositories in one transaction."""

from skyulf_service.database.unit_of_work import UnitOfWork
from sqlalchemy.ext.asyncio import AsyncConnection

from skyulf_inference.persistence.repository import ReplicaRepository, ServingRepository
from skyulf_inference.persistence.tables import messaging


class InferenceUnitOfWork(UnitOfWork):
    """One transaction of inference; it commits when its block ends well."""

    tables = messaging

    def __init__(self, connection: AsyncConnection) -> None:
        super().__init__(connection)
        self.servings = ServingRepository(connection)
        self.replicas = ReplicaRepository(connection)
