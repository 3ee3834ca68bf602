"""The pipeline service's unit of work: its repositories in one transaction."""

from skyulf_service.database.unit_of_work import UnitOfWork
from sqlalchemy.ext.asyncio import AsyncConnection

from skyulf_pipeline.persistence.datasets import DatasetProjection
from skyulf_pipeline.persistence.jobs import JobLogs, JobRepository
from skyulf_pipeline.persistence.pipelines import PipelineRepository
from skyulf_pipeline.persistence.tables import messaging
from skyulf_pipeline.persistence.trials import Trials


class PipelineUnitOfWork(UnitOfWork):
    """One transaction of the pipeline service; it commits when its block ends well."""

    tables = messaging

    def __init__(self, connection: AsyncConnection) -> None:
        super().__init__(connection)
        self.pipelines = PipelineRepository(connection)
        self.datasets = DatasetProjection(connection)
        self.jobs = JobRepository(connection)
        self.logs = JobLogs(connection)
        self.trials = Trials(connection)
