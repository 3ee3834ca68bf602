"""Databases of all services: made, and asked whether they would let a role start."""

from skyulf_service.database.revisions import check_schema
from skyulf_service.half_restored import HalfRestoredError
from skyulf_standalone.services import SERVICES, service_of


async def prepared() -> None:
    """Make the tables of all services."""
    for name in SERVICES:
        service = service_of(name)
        parts = service.open()
        await service.prepare(parts)
        await parts.close()


async def refused() -> list[str]:
    """The services whose roles would not start."""
    found = []
    for name in SERVICES:
        service = service_of(name)
        parts = service.open()
        try:
            await check_schema(parts.database, service.package)
        except HalfRestoredError:
            found.append(name)
        finally:
            await parts.close()
    return found
