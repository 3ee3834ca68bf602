"""All SQL of the registry."""

from dataclasses import asdict
from uuid import UUID

from skyulf_service.database.repository import Repository
from skyulf_service.errors import NotFoundError
from skyulf_service.scope import Scope
from sqlalchemy import RowMapping, Select, exists, select

from skyulf_registry.domain.deployments import Deployment, Desired, Observed, Reason, Revision
from skyulf_registry.domain.models import (
    Artifact,
    Importance,
    Lineage,
    MetricInterval,
    Model,
    ModelVersion,
    Source,
    Stage,
    VersionStatus,
)
from skyulf_registry.persistence import tables

LINEAGE = ("job_id", "pipeline_id", "pipeline_version", "pipeline_name", "dataset_id", "dataset_version")


class ModelRepository(Repository[Model]):
    """Models, named uniquely in their project."""

    table = tables.models
    entity = "model"

    def to_row(self, aggregate: Model) -> dict[str, object]:
        """Write a model as a row."""
        return asdict(aggregate)

    def from_row(self, row: RowMapping) -> Model:
        """Read a model from a row."""
        return Model(**row)

    async def find(self, scope: Scope, name: str, *, lock: bool = False) -> Model | None:
        """Return the model of that name, or None."""
        return await self.first(scope, tables.models.c.name == name, lock=lock)

    async def named(self, scope: Scope, name: str, *, lock: bool = False) -> Model:
        """Return the model of that name, or raise `NotFoundError`."""
        found = await self.find(scope, name, lock=lock)
        if found is None:
            raise NotFoundError(f"There is no model {name!r} in this project.")
        return found


class ModelVersionRepository(Repository[ModelVersion]):
    """Versions of models."""

    table = tables.model_versions
    entity = "model version"

    def to_row(self, aggregate: ModelVersion) -> dict[str, object]:
        """Write a version as a row; lineage becomes columns, the artifact JSON."""
        row = asdict(aggregate)
        lineage: dict[str, object] = row.pop("lineage")
        lineage["sources"] = {
            name: {"dataset_id": str(source.dataset_id), "version": source.version}
            for name, source in aggregate.lineage.sources.items()
        }
        return {**row, **lineage, "stage": aggregate.stage.value, "status": aggregate.status.value}

    def from_row(self, row: RowMapping) -> ModelVersion:
        """Read a version from a row."""
        values = dict(row)
        sources = {
            name: Source(UUID(stored["dataset_id"]), stored["version"])
            for name, stored in values.pop("sources").items()
        }
        lineage = Lineage(**{name: values.pop(name) for name in LINEAGE}, sources=sources)
        artifact = Artifact(**values.pop("artifact"))
        intervals = {name: MetricInterval(**stored) for name, stored in values.pop("intervals").items()}
        importances = tuple(Importance(**stored) for stored in values.pop("importances"))
        stage, status = Stage(values.pop("stage")), VersionStatus(values.pop("status"))
        return ModelVersion(
            **values,
            lineage=lineage,
            artifact=artifact,
            intervals=intervals,
            importances=importances,
            stage=stage,
            status=status,
        )

    async def of_job(self, scope: Scope, job_id: UUID) -> ModelVersion | None:
        """Return the version that a job made, or None."""
        return await self.first(scope, tables.model_versions.c.job_id == job_id)

    async def numbered(self, scope: Scope, model: Model, number: int) -> ModelVersion:
        """Return a version by its number, or raise `NotFoundError`."""
        columns = tables.model_versions.c
        found = await self.first(scope, columns.model_id == model.id, columns.number == number)
        if found is None:
            raise NotFoundError(f"Model {model.name!r} has no version {number}.")
        return found


class DeploymentRepository(Repository[Deployment]):
    """Deployments and their history."""

    table = tables.deployments
    entity = "deployment"

    def to_row(self, aggregate: Deployment) -> dict[str, object]:
        """Write a deployment as a row."""
        return {**asdict(aggregate), "desired": aggregate.desired.value, "observed": aggregate.observed.value}

    def from_row(self, row: RowMapping) -> Deployment:
        """Read a deployment from a row."""
        values = dict(row)
        desired, observed = Desired(values.pop("desired")), Observed(values.pop("observed"))
        return Deployment(**values, desired=desired, observed=observed)

    async def find(self, scope: Scope, name: str, *, lock: bool = False) -> Deployment | None:
        """Return the deployment of that name, or None."""
        return await self.first(scope, tables.deployments.c.name == name, lock=lock)

    async def named(self, scope: Scope, name: str, *, lock: bool = False) -> Deployment:
        """Return the deployment of that name, or raise `NotFoundError`."""
        found = await self.find(scope, name, lock=lock)
        if found is None:
            raise NotFoundError(f"There is no deployment {name!r} in this project.")
        return found

    async def any_active(self, version: ModelVersion) -> bool:
        """Whether an active deployment wants the version."""
        wanted = exists().where(tables.deployments.c.model_version_id == version.id)
        return bool(await self.connection.scalar(select(wanted)))

    async def remember(self, revision: Revision) -> None:
        """Append a desired state to the history."""
        row = {**asdict(revision), "reason": revision.reason.value}
        await self.connection.execute(tables.deployment_revisions.insert().values(row))

    async def history(self, deployment: Deployment, *, limit: int = 200) -> list[Revision]:
        """Return the newest revisions, newest first."""
        return [_revision(row) for row in await self._rows(_history_of(deployment).limit(limit))]

    async def version_before(self, deployment: Deployment) -> UUID | None:
        """Return the version that was last wanted before the present one and differs from it, or None."""
        columns = tables.deployment_revisions.c
        earlier = _history_of(deployment).where(
            columns.number < deployment.revision, columns.model_version_id.is_not(None)
        )
        if deployment.model_version_id is not None:
            earlier = earlier.where(columns.model_version_id != deployment.model_version_id)
        rows = await self._rows(earlier.limit(1))
        return _revision(rows[0]).model_version_id if rows else None

    async def _rows(self, query: Select[tuple[object, ...]]) -> list[RowMapping]:
        return list((await self.connection.execute(query)).mappings())


def _history_of(deployment: Deployment) -> Select[tuple[object, ...]]:
    columns = tables.deployment_revisions.c
    return (
        select(tables.deployment_revisions)
        .where(columns.deployment_id == deployment.id)
        .order_by(columns.number.desc())
    )


def _revision(row: RowMapping) -> Revision:
    values = dict(row)
    return Revision(**{**values, "reason": Reason(values["reason"])})
