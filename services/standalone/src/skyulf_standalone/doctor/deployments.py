"""Deployments: whether each one that is active is answered for, and why not."""

from datetime import timedelta

from skyulf_inference.domain.serving import Desired, ServingStatus
from skyulf_inference.persistence.repository import is_answered
from skyulf_inference.persistence.tables import replicas, servings
from skyulf_service.database.engine import Database
from skyulf_service.ids import utc_now
from skyulf_service.settings import ServiceSettings
from sqlalchemy import RowMapping, func, select

from skyulf_standalone.doctor.finding import FaultError, Finding, attempt

# replicas that have just begun are loading, and a wish that is new is being loaded
PATIENCE = timedelta(minutes=1)
SHOWN = 10


async def examine_deployments(settings: ServiceSettings, *, running: bool) -> Finding:
    """Look at what inference has announced; in a system that runs, also at whether anybody answers."""
    database = Database.open(settings.database, name="inference", pool_size=1)
    try:
        return await attempt("deployments", lambda: _served(database, running=running))
    finally:
        await database.close()


async def _served(database: Database, *, running: bool) -> str:
    columns = servings.c
    shown = columns.project_id, columns.name, columns.status, columns.error_code, columns.error_message
    active = columns.desired == Desired.ACTIVE.value
    query = select(*shown, columns.updated_at, is_answered().label("answered")).where(active).order_by(columns.name)
    async with database.read() as connection:
        rows = (await connection.execute(query)).mappings().all()
        youngest = await connection.scalar(select(func.max(replicas.c.started_at)))
    before = utc_now() - PATIENCE
    settled = running and (youngest is None or youngest < before)
    bad = [_described(row) for row in rows if _is_bad(row, settled=settled and row["updated_at"] < before)]
    if bad:
        more = f"; and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
        raise FaultError(
            "; ".join(bad[:SHOWN]) + more,
            "see SkyulfDeploymentUnserved and SkyulfDeploymentFailed in the run book (docs/guides/operate.md)",
        )
    return f"{len(rows)} active" + (", each answered for" if rows and settled else "")


def _is_bad(row: RowMapping, *, settled: bool) -> bool:
    return row["status"] == ServingStatus.FAILED.value or (settled and not row["answered"])


def _described(row: RowMapping) -> str:
    why = f"{row['error_code']}: {row['error_message']}" if row["error_code"] else f"it is {row['status']}"
    who = "an older revision answers" if row["answered"] else "nobody answers"
    return f"{row['name']} of project {row['project_id']} is not served as wanted, {who} ({why.rstrip('.')})"
