"""Verifying keys: from what a request carries to the principal it stands for."""

from uuid import UUID

from skyulf_service.database.unit_of_work import UnitOfWorks
from skyulf_service.ids import utc_now
from skyulf_service.scope import Scope

from skyulf_gateway.domain.keys import KeyMaterial, Principal
from skyulf_gateway.persistence.unit_of_work import GatewayUnitOfWork

SYSTEM = Scope.system("gateway")


async def verify_key(uows: UnitOfWorks[GatewayUnitOfWork], material: KeyMaterial) -> Principal | None:
    """Return whom a key stands for; None where it is unknown, wrong, revoked or expired."""
    async with uows.read() as uow:
        key = await uow.keys.of_prefix(material.prefix)
    if key is None or not key.matches(material) or not key.usable(utc_now()):
        return None
    return key.principal()


async def key_is_usable(uows: UnitOfWorks[GatewayUnitOfWork], key_id: UUID) -> bool:
    """Whether a key that was verified before is still neither revoked nor expired."""
    async with uows.read() as uow:
        key = await uow.keys.get(SYSTEM, key_id)
    return key is not None and key.usable(utc_now())
