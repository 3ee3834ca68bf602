"""From the registry's aggregates to its published contracts."""

from dataclasses import asdict

from skyulf_events import (
    ArtifactRef,
    DatasetPin,
    DeploymentTarget,
    FeatureImportance,
    MetricInterval,
    ModelAliased,
    ModelArchived,
    ModelDeployed,
    ModelRegistered,
    ModelUndeployed,
    PipelinePin,
)
from skyulf_service.ids import new_id, utc_now

from skyulf_registry.domain.deployments import Deployment
from skyulf_registry.domain.models import Artifact, Model, ModelVersion


def model_registered(model: Model, version: ModelVersion) -> ModelRegistered:
    """Announce a new version. ``model`` must have been saved, so that its version orders the event."""
    lineage = version.lineage
    return ModelRegistered(
        event_id=new_id(),
        project_id=model.project_id,
        aggregate_version=model.version,
        occurred_at=utc_now(),
        model_id=model.id,
        model=model.name,
        version=version.number,
        version_id=version.id,
        stage=version.stage.value,
        job_id=lineage.job_id,
        pipeline=PipelinePin(pipeline_id=lineage.pipeline_id, version=lineage.pipeline_version),
        dataset=DatasetPin(dataset_id=lineage.dataset_id, version=lineage.dataset_version),
        sources={
            name: DatasetPin(dataset_id=source.dataset_id, version=source.version)
            for name, source in lineage.sources.items()
        },
        task=version.task,
        target=version.target,
        metrics=version.metrics,
        intervals={name: MetricInterval(**asdict(each)) for name, each in version.intervals.items()},
        decisions=version.decisions,
        importances=tuple(FeatureImportance(**asdict(each)) for each in version.importances),
        artifact=artifact_ref(version.artifact),
    )


def model_aliased(model: Model, version: ModelVersion, alias: str) -> ModelAliased:
    """Announce where an alias points."""
    return ModelAliased(
        event_id=new_id(),
        project_id=model.project_id,
        aggregate_version=model.version,
        occurred_at=utc_now(),
        model_id=model.id,
        model=model.name,
        version=version.number,
        version_id=version.id,
        alias=alias,
        aliases=model.aliases,
    )


def model_archived(model: Model, version: ModelVersion) -> ModelArchived:
    """Announce that a version is out of use."""
    return ModelArchived(
        event_id=new_id(),
        project_id=model.project_id,
        aggregate_version=model.version,
        occurred_at=utc_now(),
        model_id=model.id,
        model=model.name,
        version=version.number,
        version_id=version.id,
    )


def model_deployed(deployment: Deployment, version: ModelVersion) -> ModelDeployed:
    """Announce what a deployment shall serve."""
    target = DeploymentTarget(
        model_id=version.model_id,
        model=version.model,
        version=version.number,
        version_id=version.id,
        artifact=artifact_ref(version.artifact),
    )
    return ModelDeployed(
        event_id=new_id(),
        project_id=deployment.project_id,
        aggregate_version=deployment.version,
        occurred_at=utc_now(),
        deployment_id=deployment.id,
        name=deployment.name,
        revision=deployment.revision,
        targets=(target,),
    )


def model_undeployed(deployment: Deployment) -> ModelUndeployed:
    """Announce that a deployment shall serve nothing."""
    return ModelUndeployed(
        event_id=new_id(),
        project_id=deployment.project_id,
        aggregate_version=deployment.version,
        occurred_at=utc_now(),
        deployment_id=deployment.id,
        name=deployment.name,
        revision=deployment.revision,
    )


def artifact_ref(artifact: Artifact) -> ArtifactRef:
    """An artifact as events carry it."""
    return ArtifactRef(bucket=artifact.bucket, key=artifact.key, digest=artifact.digest, size=artifact.size)
