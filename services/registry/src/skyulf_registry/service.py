"""The registry's use cases: decide, order, publish."""

from dataclasses import dataclass

from prometheus_client import Counter
from skyulf_events import DeploymentFailed, DeploymentReady, JobCompleted
from skyulf_service.ids import new_id, utc_now
from skyulf_service.scope import Scope

from skyulf_registry import events
from skyulf_registry.domain.deployments import Deployment, Reason, Revision
from skyulf_registry.domain.errors import AliasNotFoundError, NothingToRollBackToError, VersionInUseError
from skyulf_registry.domain.models import (
    Artifact,
    Importance,
    Lineage,
    MetricInterval,
    Model,
    ModelVersion,
    Source,
    Stage,
)
from skyulf_registry.persistence.unit_of_work import RegistryUnitOfWork

SYSTEM = Scope.system("registry")
REGISTERED = Counter("skyulf_model_versions_registered_total", "Model versions that were registered", ["task"])


@dataclass(frozen=True, slots=True)
class DeployRequest:
    """What to serve under a name: a model by version number or by alias; neither means its newest version."""

    name: str
    model: str
    version: int | None = None
    alias: str | None = None


async def register_version(uow: RegistryUnitOfWork, *, event: JobCompleted) -> ModelVersion | None:
    """Register the model that a job made, once, and announce it. A job without a model gives None."""
    if event.artifact is None or event.task is None or event.target is None:
        return None
    scope = Scope(project_id=event.project_id, subject=SYSTEM.subject, permissions=SYSTEM.permissions)
    known = await uow.versions.of_job(scope, event.job_id)
    if known is not None:
        return known
    model = await _model_for(uow, scope, event.register_as)
    version = _version_of(
        model, event, artifact=Artifact(**event.artifact.model_dump()), task=event.task, target=event.target
    )
    await uow.models.save(model)
    await uow.versions.add(version)
    await uow.publish(events.model_registered(model, version))
    uow.after_commit(REGISTERED.labels(version.task).inc)
    return version


async def set_alias(uow: RegistryUnitOfWork, *, scope: Scope, name: str, number: int, alias: str) -> Model:
    """Make an alias of a model name one of its versions, and announce it."""
    model = await uow.models.named(scope, name, lock=True)
    version = await uow.versions.numbered(scope, model, number)
    model.point(alias, version)
    await uow.models.save(model)
    await uow.publish(events.model_aliased(model, version, alias))
    return model


async def drop_alias(uow: RegistryUnitOfWork, *, scope: Scope, name: str, alias: str) -> None:
    """Forget an alias of a model."""
    model = await uow.models.named(scope, name, lock=True)
    model.drop_alias(alias)
    await uow.models.save(model)


async def move_to_stage(uow: RegistryUnitOfWork, *, scope: Scope, name: str, number: int, stage: Stage) -> ModelVersion:
    """Put a version into a stage; the stage ``archived`` archives it."""
    model = await uow.models.named(scope, name, lock=True)
    version = await uow.versions.numbered(scope, model, number)
    if stage is Stage.ARCHIVED:
        return await _archive(uow, model, version)
    version.move_to(stage)
    await uow.versions.save(version)
    return version


async def deploy(uow: RegistryUnitOfWork, *, scope: Scope, request: DeployRequest) -> Deployment:
    """Make a registered version the desired state of a deployment, and announce it."""
    version = await _chosen_version(uow, scope, request)
    deployment = await _deployment_for(uow, scope, request.name)
    return await _want(uow, scope, deployment, version, Reason.DEPLOY)


async def redeploy(uow: RegistryUnitOfWork, *, scope: Scope, request: DeployRequest) -> Deployment:
    """Make another version the desired state of a deployment that exists, and announce it."""
    deployment = await uow.deployments.named(scope, request.name, lock=True)
    version = await _chosen_version(uow, scope, request)
    return await _want(uow, scope, deployment, version, Reason.DEPLOY)


async def roll_back(uow: RegistryUnitOfWork, *, scope: Scope, name: str) -> Deployment:
    """Go back to the version that was wanted before, and announce it."""
    deployment = await uow.deployments.named(scope, name, lock=True)
    earlier = await uow.deployments.version_before(deployment)
    if earlier is None:
        raise NothingToRollBackToError(f"Deployment {name!r} has served no other version before.")
    version = await uow.versions.require(scope, earlier)
    return await _want(uow, scope, deployment, version, Reason.ROLLBACK)


async def undeploy(uow: RegistryUnitOfWork, *, scope: Scope, name: str) -> Deployment:
    """Want nothing to be served under the name, and announce it."""
    deployment = await uow.deployments.named(scope, name, lock=True)
    deployment.stop()
    await uow.deployments.save(deployment)
    await uow.deployments.remember(deployment.record(reason=Reason.STOP, actor=scope.subject, at=utc_now()))
    await uow.publish(events.model_undeployed(deployment))
    return deployment


async def history(uow: RegistryUnitOfWork, *, scope: Scope, name: str) -> list[Revision]:
    """Return what a deployment was told to serve, newest first."""
    return await uow.deployments.history(await uow.deployments.named(scope, name))


async def note_ready(uow: RegistryUnitOfWork, *, event: DeploymentReady) -> None:
    """Take in that inference serves a revision."""
    deployment = await uow.deployments.get(SYSTEM, event.deployment_id, lock=True)
    if deployment is not None and deployment.observe_ready(
        revision=event.revision,
        order=event.aggregate_version,
        replicas=event.replicas,
        model=event.model,
        model_version=event.model_version,
    ):
        await uow.deployments.save(deployment)


async def note_failed(uow: RegistryUnitOfWork, *, event: DeploymentFailed) -> None:
    """Take in that inference cannot serve a revision."""
    deployment = await uow.deployments.get(SYSTEM, event.deployment_id, lock=True)
    if deployment is not None and deployment.observe_failed(
        revision=event.revision,
        order=event.aggregate_version,
        replicas=event.replicas,
        code=event.error.code,
        message=event.error.message,
    ):
        await uow.deployments.save(deployment)


async def _want(
    uow: RegistryUnitOfWork, scope: Scope, deployment: Deployment, version: ModelVersion, reason: Reason
) -> Deployment:
    deployment.want(version)
    await uow.deployments.save(deployment)
    await uow.deployments.remember(deployment.record(reason=reason, actor=scope.subject, at=utc_now()))
    await uow.publish(events.model_deployed(deployment, version))
    return deployment


async def _archive(uow: RegistryUnitOfWork, model: Model, version: ModelVersion) -> ModelVersion:
    if await uow.deployments.any_active(version):
        raise VersionInUseError(f"Version {version.number} of {model.name!r} is deployed; deploy another one first.")
    version.archive()
    await uow.versions.save(version)
    model.aliases = {alias: number for alias, number in model.aliases.items() if number != version.number}
    await uow.models.save(model)
    await uow.publish(events.model_archived(model, version))
    return version


async def _chosen_version(uow: RegistryUnitOfWork, scope: Scope, request: DeployRequest) -> ModelVersion:
    model = await uow.models.named(scope, request.model)
    number = request.version if request.version is not None else model.latest_version
    if request.alias is not None:
        if request.alias not in model.aliases:
            known = ", ".join(sorted(model.aliases)) or "none"
            raise AliasNotFoundError(f"Model {model.name!r} has no alias {request.alias!r}; it has: {known}.")
        number = model.aliases[request.alias]
    return await uow.versions.numbered(scope, model, number)


async def _model_for(uow: RegistryUnitOfWork, scope: Scope, name: str) -> Model:
    # jobs that end together have its next numbers one after the other: whoever loses every race would lose its model
    found = await uow.models.find(scope, name, lock=True)
    if found is not None:
        return found
    now = utc_now()
    model = Model(id=new_id(), project_id=scope.require_project(), name=name, created_at=now, updated_at=now)
    await uow.models.add(model)
    return model


async def _deployment_for(uow: RegistryUnitOfWork, scope: Scope, name: str) -> Deployment:
    # what inference reports of it at this moment is waited for, and no conflict for whoever deploys
    found = await uow.deployments.find(scope, name, lock=True)
    if found is not None:
        return found
    now = utc_now()
    deployment = Deployment(id=new_id(), project_id=scope.require_project(), name=name, created_at=now, updated_at=now)
    await uow.deployments.add(deployment)
    return deployment


def _version_of(model: Model, event: JobCompleted, *, artifact: Artifact, task: str, target: str) -> ModelVersion:
    now = utc_now()
    return ModelVersion(
        id=new_id(),
        project_id=event.project_id,
        model_id=model.id,
        model=model.name,
        number=model.next_version(),
        lineage=Lineage(
            job_id=event.job_id,
            pipeline_id=event.pipeline.pipeline_id,
            pipeline_version=event.pipeline.version,
            pipeline_name=event.pipeline_name,
            dataset_id=event.dataset.dataset_id,
            dataset_version=event.dataset.version,
            sources={name: Source(pin.dataset_id, pin.version) for name, pin in event.sources.items()},
        ),
        artifact=artifact,
        task=task,
        target=target,
        estimator=event.estimator or "",
        framework=event.framework or "",
        metrics=dict(event.metrics),
        intervals={name: MetricInterval(**each.model_dump()) for name, each in event.intervals.items()},
        decisions=dict(event.decisions),
        importances=tuple(Importance(**each.model_dump()) for each in event.importances),
        created_at=now,
        updated_at=now,
    )
