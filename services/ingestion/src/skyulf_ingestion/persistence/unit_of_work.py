"""Ingestion's unit of work: its repositories in one transaction."""

from skyulf_service.database.unit_of_work import UnitOfWork
from sqlalchemy.ext.asyncio import AsyncConnection

from skyulf_ingestion.persistence.repository import DatasetRepository, ImportRepository
from skyulf_ingestion.persistence.tables import messaging


class IngestionUnitOfWork(UnitOfWork):
    """One transaction of ingestion; it commits when its block ends well."""

    tables = messaging

    def __init__(self, connection: AsyncConnection) -> None:
        super().__init__(connection)
        self.datasets = DatasetRepository(connection)
        self.imports = ImportRepository(connection)
