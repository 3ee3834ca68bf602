"""What registry wants becomes desired state."""

from uuid import UUID

from skyulf_events import ArtifactRef, ModelDeployed, ModelUndeployed
from skyulf_service.ids import new_id, utc_now
from skyulf_service.scope import Scope
from skyulf_service.telemetry.tracing import current_traceparent

from skyulf_inference.domain.serving import Artifact, Desired, Serving, ServingStatus, Target
from skyulf_inference.persistence.unit_of_work import InferenceUnitOfWork

SYSTEM = Scope.system("inference")


async def note_wish(uow: InferenceUnitOfWork, *, event: ModelDeployed | ModelUndeployed) -> None:
    """Store what shall be served and wake the replicas, unless something newer is known.

    Late and repeated events change nothing.
    """
    target = _target(event)
    serving = await uow.servings.of_deployment(SYSTEM, event.deployment_id)
    if serving is None:
        await uow.servings.add(_new(event, target))
        uow.tell()
        return
    order, trace = event.aggregate_version, current_traceparent()
    if serving.want(order=order, revision=event.revision, target=target, traceparent=trace):
        await uow.servings.save(serving)
        uow.tell()


def _target(event: ModelDeployed | ModelUndeployed) -> Target | None:
    if isinstance(event, ModelUndeployed):
        return None
    wanted = event.targets[0]
    return Target(wanted.model, wanted.version, wanted.version_id, _artifact(wanted.artifact))


def _artifact(ref: ArtifactRef) -> Artifact:
    return Artifact(ref.bucket, ref.key, ref.digest, ref.size)


def _new(event: ModelDeployed | ModelUndeployed, target: Target | None) -> Serving:
    now = utc_now()
    serving_id: UUID = new_id()
    return Serving(
        id=serving_id,
        project_id=event.project_id,
        deployment_id=event.deployment_id,
        name=event.name,
        revision=event.revision,
        desired_order=event.aggregate_version,
        desired=Desired.STOPPED if target is None else Desired.ACTIVE,
        status=ServingStatus.STOPPED if target is None else ServingStatus.PENDING,
        target=target,
        traceparent=current_traceparent(),
        created_at=now,
        updated_at=now,
    )
