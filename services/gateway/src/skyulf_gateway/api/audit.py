"""The audit log."""

from fastapi import APIRouter
from skyulf_service.http.dependencies import CurrentScope, PageQuery
from skyulf_service.http.pages import PageRead
from skyulf_service.http.requires import requires

from skyulf_gateway.api.dependencies import ReadUow
from skyulf_gateway.api.schemas import AuditRead

router = APIRouter(prefix="/api/v1/audit", tags=["audit"])


@router.get("", **requires("audit:read"))
async def list_audit_entries(uow: ReadUow, scope: CurrentScope, page: PageQuery) -> PageRead[AuditRead]:
    """List what was changed in the project, by whom and with what result, newest first."""
    return PageRead.of(await uow.audit.list(scope, limit=page.limit, cursor=page.cursor), AuditRead.of)
