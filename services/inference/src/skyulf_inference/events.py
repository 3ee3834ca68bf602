"""From inference's aggregates to its published contracts."""

from skyulf_events import DeploymentFailed, DeploymentReady, Failure
from skyulf_service.ids import new_id, utc_now

from skyulf_inference.domain.serving import Serving, Target


def deployment_ready(serving: Serving, target: Target) -> DeploymentReady:
    """Announce that every live replica serves the revision."""
    return DeploymentReady(
        event_id=new_id(),
        project_id=serving.project_id,
        aggregate_version=serving.version,
        occurred_at=utc_now(),
        serving_id=serving.id,
        deployment_id=serving.deployment_id,
        name=serving.name,
        revision=serving.revision,
        replicas=serving.replicas,
        digest=target.artifact.digest,
        model=target.model,
        model_version=target.model_version,
    )


def deployment_failed(serving: Serving, target: Target, serving_revision: int | None) -> DeploymentFailed:
    """Announce that the revision cannot be served, and which one goes on being served."""
    return DeploymentFailed(
        event_id=new_id(),
        project_id=serving.project_id,
        aggregate_version=serving.version,
        occurred_at=utc_now(),
        serving_id=serving.id,
        deployment_id=serving.deployment_id,
        name=serving.name,
        revision=serving.revision,
        replicas=serving.replicas,
        digest=target.artifact.digest,
        error=Failure(code=serving.error_code or "failed", message=serving.error_message or ""),
        serving_revision=serving_revision,
    )
