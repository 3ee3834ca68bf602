"""All SQL of inference."""

from dataclasses import asdict, dataclass
from datetime import timedelta
from uuid import UUID

from skyulf_service.database.repository import Repository
from skyulf_service.database.types import database_now
from skyulf_service.ids import utc_now
from skyulf_service.scope import Scope
from sqlalchemy import ColumnElement, RowMapping, and_, delete, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from skyulf_inference.domain.serving import (
    Artifact,
    Dedication,
    Desired,
    ReplicaState,
    ReplicaStatus,
    Serving,
    ServingStatus,
    Target,
)
from skyulf_inference.persistence import tables


@dataclass(frozen=True, slots=True)
class Living:
    """The replicas that live: how many serve everything, which deployments have some of their own.

    ``seconds`` is how long they all live on if none says anything more; None where there is none.
    """

    shared: int
    dedicated: frozenset[UUID]
    seconds: float | None


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

    async def unsettled(self, living: Living) -> list[Serving]:
        """Return what shall be served and may not be as announced, where these replicas live.

        That is what is not announced as ready, or as ready on another number of replicas, or fails on one of them;
        and whatever has dedicated replicas, whose number only a closer look knows.
        """
        columns, states = self.table.c, tables.replica_states.c
        failing = (
            exists()
            .where(states.serving_id == columns.id, states.revision == columns.revision)
            .where(states.status == ReplicaStatus.FAILED.value)
            .where(tables.replicas.c.id == states.replica_id, _alive())
        )
        changed = or_(columns.status != ServingStatus.READY.value, columns.replicas != living.shared, failing)
        changed = or_(changed, columns.deployment_id.in_(living.dedicated))
        waiting = select(self.table).where(columns.desired == Desired.ACTIVE.value, changed)
        return [self.from_row(row) for row in (await self.connection.execute(waiting)).mappings()]


class ReplicaRepository:
    """Replicas and what they say they hold."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection

    async def beat(self, replica_id: UUID, ttl: timedelta, only: Dedication | None = None) -> bool:
        """Say that a replica lives for ``ttl`` from now, by the database's clock, and what alone it serves.

        Returns whether that is news: it did not live until now.
        """
        until = {"expires_at": database_now(ttl)}
        mine = update(tables.replicas).where(tables.replicas.c.id == replica_id).values(until)
        if (await self.connection.execute(mine.where(_alive()))).rowcount:
            return False
        if (await self.connection.execute(mine)).rowcount == 0:
            row = {"id": replica_id, "started_at": utc_now(), **until}
            if only is not None:
                row |= {"only_deployment_id": only.deployment_id, "only_digest": only.digest}
            await self.connection.execute(tables.replicas.insert().values(row))
        return True

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

    async def living(self) -> Living:
        """Return what lives at this moment."""
        columns = tables.replicas.c
        alive = select(columns.only_deployment_id, columns.expires_at, database_now().label("now")).where(_alive())
        rows = (await self.connection.execute(alive)).all()
        return Living(
            shared=sum(row.only_deployment_id is None for row in rows),
            dedicated=frozenset(row.only_deployment_id for row in rows if row.only_deployment_id is not None),
            seconds=min(((row.expires_at - row.now).total_seconds() for row in rows), default=None),
        )

    async def live(self, serving: Serving | None = None) -> int:
        """Count the live replicas; of a deployment those that serve it: shared ones, and its own."""
        alive = select(func.count()).select_from(tables.replicas).where(_alive())
        count = await self.connection.scalar(alive if serving is None else alive.where(_covers(serving)))
        return int(count or 0)

    async def unserved(self) -> int:
        """Count active deployments that no live replica answers for, not even from an older revision."""
        active = tables.servings.c.desired == Desired.ACTIVE.value
        query = select(func.count()).select_from(tables.servings).where(active, ~is_answered())
        return int(await self.connection.scalar(query) or 0)

    async def say(self, state: ReplicaState) -> None:
        """Record what a replica makes of a revision."""
        values = {**asdict(state), "status": state.status.value, "updated_at": utc_now()}
        columns = tables.replica_states.c
        mine = columns.replica_id == state.replica_id, columns.serving_id == state.serving_id
        known = await self.connection.execute(update(tables.replica_states).where(*mine).values(values))
        if known.rowcount == 0:
            await self.connection.execute(tables.replica_states.insert().values(values))

    async def states(self, serving: Serving) -> list[ReplicaState]:
        """Return what live replicas that serve it say of the newest revision."""
        columns = tables.replica_states.c
        joined = tables.replica_states.join(tables.replicas, tables.replicas.c.id == columns.replica_id)
        query = select(tables.replica_states).select_from(joined)
        newest = columns.serving_id == serving.id, columns.revision == serving.revision
        rows = (
            await self.connection.execute(query.where(_alive(), _covers(serving), *newest).order_by(columns.replica_id))
        ).mappings()
        return [_state(row) for row in rows]


def is_answered() -> ColumnElement[bool]:
    """Whether a live replica answers for a row of servings, be it from an older revision."""
    states, replicas = tables.replica_states, tables.replicas
    joined = states.join(replicas, replicas.c.id == states.c.replica_id)
    mine = states.c.serving_id == tables.servings.c.id, states.c.serving_revision.is_not(None)
    return exists().select_from(joined).where(_alive(), *mine)


def _alive() -> ColumnElement[bool]:
    return tables.replicas.c.expires_at > database_now()


def _covers(serving: Serving) -> ColumnElement[bool]:
    """`Dedication.covers`, as SQL."""
    columns = tables.replicas.c
    digest = serving.target.artifact.digest if serving.target is not None else ""
    pinned = or_(columns.only_digest.is_(None), columns.only_digest == digest)
    return or_(columns.only_deployment_id.is_(None), and_(columns.only_deployment_id == serving.deployment_id, pinned))


def _state(row: RowMapping) -> ReplicaState:
    values = {name: value for name, value in row.items() if name != "updated_at"}
    return ReplicaState(**{**values, "status": ReplicaStatus(values["status"])})
