"""The registry's unit of work: its repositories in one transaction."""

from skyulf_service.database.unit_of_work import UnitOfWork
from sqlalchemy.ext.asyncio import AsyncConnection

from skyulf_registry.persistence.repository import DeploymentRepository, ModelRepository, ModelVersionRepository
from skyulf_registry.persistence.tables import messaging


class RegistryUnitOfWork(UnitOfWork):
    """One transaction of the registry; it commits when its block ends well."""

    tables = messaging

    def __init__(self, connection: AsyncConnection) -> None:
        super().__init__(connection)
        self.models = ModelRepository(connection)
        self.versions = ModelVersionRepository(connection)
        self.deployments = DeploymentRepository(connection)
