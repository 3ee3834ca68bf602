"""What the gateway's endpoints ask for."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path, Query, Request
from skyulf_service.http.dependencies import read_unit_of_work, unit_of_work

from skyulf_gateway.api.shared import Shared
from skyulf_gateway.persistence.unit_of_work import GatewayUnitOfWork

SLUG = r"^[a-z0-9][a-z0-9._-]{0,62}$"

# scope="function": the transaction commits before the answer is sent, so a failed commit is never answered with 200
Uow = Annotated[GatewayUnitOfWork, Depends(unit_of_work(GatewayUnitOfWork), scope="function")]
ReadUow = Annotated[GatewayUnitOfWork, Depends(read_unit_of_work(GatewayUnitOfWork), scope="function")]
ProjectId = Annotated[UUID, Path(description="The project's id")]
KeyId = Annotated[UUID, Path(description="The key's id")]
OfProject = Annotated[
    UUID | None, Query(description="Another project of the organisation; needs a key of the organisation")
]


def _shared(request: Request) -> Shared:
    found: Shared = request.app.state.gateway
    return found


SharedParts = Annotated[Shared, Depends(_shared)]
