"""All SQL of inference."""

from dataclasses import asdict
from datetime import timedelta
from uuid import UUID

from skyulf_service.database.repository import Repository
from skyulf_service.database.types import database_now
from skyulf_service.ids import utc_now
from skyulf_service.scope import Scope
from sqlalchemy import ColumnElement, RowMapping, delete, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from skyulf_inference.domain.serving import (
    Artifact,
    Desired,
    ReplicaState,
    ReplicaStatus,
    Serving,
    ServingStatus,
    Target,
)
from skyulf_inference.persistence import tables


class ServingRepository(Repository[Serving]):
    """Deployments as inference sees them."""

    table = tables.servings
    entity = "deployment"

    def to_row(self, aggregate: Serving) -> dict[str, object]:
        """Write a row; the target becomes JSON."""
        row = {**asdict(aggregate), "desired": aggregate.desired.value, "status": aggregate.status.value}
        if aggregate.target is not None:
            row["target"] = {**asdict(aggregate.target), "model_version_id": str(aggregate.target.model_version_id)}
        return row

    def from_row(self, row: RowMapping) -> Serving:
        """Read a row."""
        values = dict(row)
        target = values.pop("target")
        if target is not None:
            version_id, artifact = UUID(target["model_version_id"]), Artifact(**target["artifact"])
            target = Target(target["model"], target["model_version"], version_id, artifact)
        values["desired"], values["status"] = Desired(values["desired"]), ServingStatus(values["status"])
        return Serving(**values, target=target)

    async def of_deployment(self, scope: Scope, deployment_id: UUID) -> Serving | None:
        """Return what is known of a deployment, or None."""
        return await self.first(scope, tables.servings.c.deployment_id == deployment_id)

    async def named(self, scope: Scope, name: str) -> Serving | None:
        """Return what is known of a deployment by its name, or None."""
        return await self.first(scope, tables.servings.c.name == name)

    async def active(self) -> list[Serving]:
        """Return everything that shall be served, in every project."""
        rows = await self.connection.execute(select(self.table).where(self.table.c.desired == Desired.ACTIVE.value))
        return [self.from_row(row) for row in rows.mappings()]

    async def unsettled(self, live: int) -> list[Serving]:
        """Return what shall be served and may not be as announced, where ``live`` replicas live.

        That is what is not announced as ready, or as ready on another number of replicas, or fails on one of them.
        """
        columns, states = self.table.c, tables.replica_states.c
        failing = (
            exists()
            .where(states.serving_id == columns.id, states.revision == columns.revision)
            .where(states.status == ReplicaStatus.FAILED.value)
            .where(tables.replicas.c.id == states.replica_id, _alive())
        )
        changed = or_(columns.status != ServingStatus.READY.value, columns.replicas != live, failing)
        waiting = select(self.table).where(columns.desired == Desired.ACTIVE.value, changed)
        return [self.from_row(row) for row in (await self.connection.execute(waiting)).mappings()]


class ReplicaRepository:
    """Replicas and what they say they hold."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection

    async def beat(self, replica_id: UUID, ttl: timedelta) -> None:
        """Say that a replica lives for ``ttl`` from now, by the database's clock."""
        until = {"expires_at": database_now(ttl)}
        known = await self.connection.execute(
            update(tables.replicas).where(tables.replicas.c.id == replica_id).values(until)
        )
        if known.rowcount == 0:
            row = {"id": replica_id, "started_at": utc_now(), **until}
            await self.connection.execute(tables.replicas.insert().values(row))

    async def leave(self, replica_id: UUID) -> None:
        """Forget a replica that stops."""
        columns = tables.replica_states.c
        await self.connection.execute(delete(tables.replica_states).where(columns.replica_id == replica_id))
        await self.connection.execute(delete(tables.replicas).where(tables.replicas.c.id == replica_id))

    async def forget_dead(self) -> None:
        """Remove replicas that have been silent for an hour, and their states."""
        dead = select(tables.replicas.c.id).where(tables.replicas.c.expires_at < database_now(-timedelta(hours=1)))
        gone = [row[0] for row in (await self.connection.execute(dead)).all()]
        for replica_id in gone:
            await self.leave(replica_id)

    async def live(self) -> int:
        """Count live replicas."""
        count = await self.connection.scalar(select(func.count()).select_from(tables.replicas).where(_alive()))
        return int(count or 0)

    async def say(self, state: ReplicaState) -> None:
        """Record what a replica makes of a revision."""
        values = {**asdict(state), "status": state.status.value, "updated_at": utc_now()}
        columns = tables.replica_states.c
        mine = columns.replica_id == state.replica_id, columns.serving_id == state.serving_id
        known = await self.connection.execute(update(tables.replica_states).where(*mine).values(values))
        if known.rowcount == 0:
            await self.connection.execute(tables.replica_states.insert().values(values))

    async def states(self, serving: Serving) -> list[ReplicaState]:
        """Return what live replicas say of the newest revision."""
        columns = tables.replica_states.c
        joined = tables.replica_states.join(tables.replicas, tables.replicas.c.id == columns.replica_id)
        query = select(tables.replica_states).select_from(joined)
        newest = columns.serving_id == serving.id, columns.revision == serving.revision
        rows = (await self.connection.execute(query.where(_alive(), *newest).order_by(columns.replica_id))).mappings()
        return [_state(row) for row in rows]


def _alive() -> ColumnElement[bool]:
    return tables.replicas.c.expires_at > database_now()


def _state(row: RowMapping) -> ReplicaState:
    values = {name: value for name, value in row.items() if name != "updated_at"}
    return ReplicaState(**{**values, "status": ReplicaStatus(values["status"])})
