"""The whole installation as the gateway sees it."""

import asyncio

from fastapi import APIRouter
from skyulf_service.errors import SkyulfError
from skyulf_service.http.requires import requires

from skyulf_gateway.api.dependencies import ReadUow, SharedParts
from skyulf_gateway.api.schemas import ServiceRead, SystemRead
from skyulf_gateway.clients.neighbours import Neighbours

router = APIRouter(prefix="/api/v1/system", tags=["system"])


@router.get("", **requires("system:read"))
async def show_system(uow: ReadUow, shared: SharedParts) -> SystemRead:
    """Show which services answer, and what those miss that are not ready."""
    services = await asyncio.gather(*(_look(shared.neighbours, name) for name in shared.neighbours.names))
    ready = all(service.status == "ready" for service in services)
    return SystemRead(
        version=shared.version,
        form=shared.form,
        status="ready" if ready else "failing",
        services=list(services),
        event_log_head=await uow.event_log.head(),
    )


async def _look(neighbours: Neighbours, name: str) -> ServiceRead:
    try:
        answer = await neighbours.call(name, "GET", "/readyz")
    except SkyulfError:
        return ServiceRead(name=name, status="away", failing={}, latency_seconds=None)
    found = answer.json()
    body = found if isinstance(found, dict) else {}
    failing = body.get("failing")
    return ServiceRead(
        name=name,
        status="ready" if answer.status == 200 else "draining" if body.get("status") == "draining" else "failing",
        failing={key: str(reason) for key, reason in failing.items()} if isinstance(failing, dict) else {},
        latency_seconds=round(answer.seconds, 4),
    )
