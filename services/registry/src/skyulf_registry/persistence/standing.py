"""What operators see of deployments and of the models that they serve, measured by the worker."""

from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client import Gauge
from skyulf_service.database.engine import Database
from sqlalchemy import and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from skyulf_registry.domain.deployments import Observed
from skyulf_registry.persistence import tables

DEPLOYMENTS = Gauge("skyulf_deployments", "Deployments by what is observed of them", ["state"])
SCORE = Gauge(
    "skyulf_model_score",
    "How well the version that a deployment serves did on rows that it had not been trained with",
    ["deployment", "model", "version", "metric"],
)
# those by which a model is mostly chosen: a version may have dozens, and each would be a series
SHOWN = frozenset({"accuracy", "f1_weighted", "log_loss", "mae", "r2", "rmse", "roc_auc"})


@dataclass(frozen=True, slots=True)
class Served:
    """A version that a deployment answers from, and how well it did when it was trained."""

    deployment: str
    model: str
    version: int
    metrics: Mapping[str, float]


async def deployments_by_state(connection: AsyncConnection) -> dict[str, int]:
    """Count deployments by what is observed of them."""
    columns = tables.deployments.c
    counted = select(columns.observed, func.count()).group_by(columns.observed)
    return {str(state): int(rows) for state, rows in (await connection.execute(counted)).all()}


async def served_versions(connection: AsyncConnection) -> list[Served]:
    """Return what the deployments of all projects serve."""
    deployments, versions, models = tables.deployments.c, tables.model_versions, tables.models
    joined = (
        tables.deployments.join(
            models, and_(models.c.project_id == deployments.project_id, models.c.name == deployments.serving_model)
        )
    ).join(versions, and_(versions.c.model_id == models.c.id, versions.c.number == deployments.serving_model_version))
    found = select(deployments.name, versions.c.model, versions.c.number, versions.c.metrics).select_from(joined)
    return [Served(*row) for row in (await connection.execute(found)).all()]


class Standing:
    """Shows deployments by state, and the scores of what is served; what is served no longer leaves with its series."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._shown: set[tuple[str, ...]] = set()

    async def measure(self) -> None:
        """Look once."""
        async with self._database.read() as connection:
            states = await deployments_by_state(connection)
            served = await served_versions(connection)
        for state in Observed:
            DEPLOYMENTS.labels(state.value).set(states.get(state.value, 0))
        scores = {
            (each.deployment, each.model, str(each.version), metric): value
            for each in served
            for metric, value in each.metrics.items()
            if metric in SHOWN
        }
        for labels in self._shown - scores.keys():
            SCORE.remove(*labels)
        self._shown = set(scores)
        for labels, value in scores.items():
            SCORE.labels(*labels).set(value)
