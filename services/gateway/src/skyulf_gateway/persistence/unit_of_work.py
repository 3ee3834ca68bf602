"""The gateway's unit of work: its repositories in one transaction."""

from skyulf_service.database.unit_of_work import UnitOfWork
from sqlalchemy.ext.asyncio import AsyncConnection

from skyulf_gateway.persistence.audit_log import AuditLog
from skyulf_gateway.persistence.event_log import EventLog
from skyulf_gateway.persistence.feed_marks import FeedMarks
from skyulf_gateway.persistence.repository import ApiKeyRepository, OrganisationRepository, ProjectRepository
from skyulf_gateway.persistence.tables import messaging


class GatewayUnitOfWork(UnitOfWork):
    """One transaction of the gateway; it commits when its block ends well."""

    tables = messaging

    def __init__(self, connection: AsyncConnection) -> None:
        super().__init__(connection)
        self.organisations = OrganisationRepository(connection)
        self.projects = ProjectRepository(connection)
        self.keys = ApiKeyRepository(connection)
        self.event_log = EventLog(connection)
        self.feed_marks = FeedMarks(connection)
        self.audit = AuditLog(connection)
