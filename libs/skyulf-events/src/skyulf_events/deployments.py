"""Events about deployments: what is wanted (registry) and what is really served (inference)."""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from skyulf_events.envelope import Event, Payload
from skyulf_events.refs import ArtifactRef, Failure


class DeploymentTarget(Payload):
    """A model version that a deployment serves; ``weight`` is its share of the traffic in per cent."""

    model_id: UUID
    model: str
    version: int = Field(ge=1)
    version_id: UUID
    artifact: ArtifactRef
    weight: int = Field(default=100, ge=0, le=100)


class DesiredDeploymentEvent(Event):
    """What registry's events about a deployment carry. ``revision`` counts the deployment's desired states from 1."""

    topic: ClassVar[str] = "skyulf.deployments.v1"
    source: ClassVar[str] = "/services/registry"
    subject_field: ClassVar[str] = "deployment_id"

    deployment_id: UUID
    name: str
    revision: int = Field(ge=1)


class ModelDeployed(DesiredDeploymentEvent):
    """A deployment shall serve these model versions."""

    type: ClassVar[str] = "model.deployed"
    desired: Literal["active"] = "active"
    targets: tuple[DeploymentTarget, ...] = Field(min_length=1)


class ModelUndeployed(DesiredDeploymentEvent):
    """A deployment shall serve nothing."""

    type: ClassVar[str] = "model.undeployed"
    desired: Literal["stopped"] = "stopped"


class ServedDeploymentEvent(Event):
    """What inference's events about a deployment carry.

    The aggregate is inference's own record (``serving_id``), so that its versions never mix with registry's.
    """

    topic: ClassVar[str] = "skyulf.deployments.v1"
    source: ClassVar[str] = "/services/inference"
    subject_field: ClassVar[str] = "serving_id"

    serving_id: UUID
    deployment_id: UUID
    name: str
    revision: int = Field(ge=1)
    replicas: int = Field(ge=0, description="Live replicas that the statement is about")


class DeploymentReady(ServedDeploymentEvent):
    """Every live replica serves the revision's artifact."""

    type: ClassVar[str] = "deployment.ready"
    status: Literal["ready"] = "ready"
    digest: str
    model: str
    model_version: int = Field(ge=1)


class DeploymentFailed(ServedDeploymentEvent):
    """The revision cannot be served; what was served before goes on being served."""

    type: ClassVar[str] = "deployment.failed"
    status: Literal["failed"] = "failed"
    digest: str
    error: Failure
    serving_revision: int | None = None
