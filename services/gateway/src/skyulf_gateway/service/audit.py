"""Writing the audit log."""

from collections.abc import Sequence

from skyulf_service.database.unit_of_work import UnitOfWorks

from skyulf_gateway.domain.audit import AuditEntry
from skyulf_gateway.persistence.unit_of_work import GatewayUnitOfWork


async def write_audit(uows: UnitOfWorks[GatewayUnitOfWork], entries: Sequence[AuditEntry]) -> None:
    """Write entries in one transaction."""
    async with uows() as uow:
        await uow.audit.append(entries)
