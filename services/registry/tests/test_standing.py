"""What operators see of models and deployments."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

from prometheus_client import REGISTRY
from skyulf_events import DeploymentReady
from skyulf_registry.persistence.standing import Standing

SCORE = {"deployment": "late", "model": "scored-flights", "version": "1", "metric": "roc_auc"}


def value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


async def test_deployments_models_and_scores_are_shown_as_long_as_they_last(registry, job_completed):
    registered = value("skyulf_model_versions_registered_total", task="classification") or 0
    standing, event = Standing(registry.parts.database), job_completed("scored-flights")
    await registry.deliver(event)
    await registry.deliver(event)  # twice: one model
    body = {"name": "late", "model": "scored-flights", "version": 1}
    deployed = (await registry.client.post("/api/v1/deployments", json=body)).json()
    await standing.measure()
    assert value("skyulf_deployments", state="pending") == 1
    assert value("skyulf_model_score", **SCORE) is None

    await registry.deliver(_ready(registry.project, deployed["id"]))
    await standing.measure()

    assert value("skyulf_model_versions_registered_total", task="classification") == registered + 1
    assert value("skyulf_deployments", state="ready") == 1
    assert value("skyulf_model_score", **SCORE) == 0.75
    await registry.client.delete("/api/v1/deployments/late")
    await standing.measure()
    assert value("skyulf_deployments", state="stopped") == 1
    assert value("skyulf_model_score", **SCORE) is None


def _ready(project, deployment):
    return DeploymentReady(
        event_id=uuid4(), project_id=project, aggregate_version=1, occurred_at=datetime.now(UTC),
        serving_id=uuid4(), deployment_id=UUID(deployment), name="late", revision=1, replicas=1,
        digest="ab" * 32, model="scored-flights", model_version=1,
    )  # fmt: skip
