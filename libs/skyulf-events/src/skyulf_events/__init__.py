"""The event contracts of Skyulf: what other systems may rely on."""

from skyulf_events.catalogue import EVENTS, EVENTS_BY_TYPE, TOPICS, Topic
from skyulf_events.datasets import (
    DatasetCreated,
    DatasetDeleted,
    DatasetFailed,
    DatasetProfiled,
    ProfileSummary,
)
from skyulf_events.deployments import (
    DeploymentFailed,
    DeploymentReady,
    DeploymentTarget,
    ModelDeployed,
    ModelUndeployed,
)
from skyulf_events.envelope import Event, Payload, rfc3339
from skyulf_events.jobs import JobCompleted, JobEvent, JobProgressed, JobQueued, JobStarted
from skyulf_events.models import ModelAliased, ModelArchived, ModelRegistered
from skyulf_events.projects import ProjectCreated, ProjectDeleted
from skyulf_events.refs import (
    ArtifactRef,
    BestTrial,
    ColumnField,
    DatasetPin,
    Failure,
    FeatureImportance,
    MetricInterval,
    ObjectRef,
    PipelinePin,
)

__all__ = [
    "EVENTS",
    "EVENTS_BY_TYPE",
    "TOPICS",
    "ArtifactRef",
    "BestTrial",
    "ColumnField",
    "DatasetCreated",
    "DatasetDeleted",
    "DatasetFailed",
    "DatasetPin",
    "DatasetProfiled",
    "DeploymentFailed",
    "DeploymentReady",
    "DeploymentTarget",
    "Event",
    "Failure",
    "FeatureImportance",
    "JobCompleted",
    "JobEvent",
    "JobProgressed",
    "JobQueued",
    "JobStarted",
    "MetricInterval",
    "ModelAliased",
    "ModelArchived",
    "ModelDeployed",
    "ModelRegistered",
    "ModelUndeployed",
    "ObjectRef",
    "Payload",
    "PipelinePin",
    "ProfileSummary",
    "ProjectCreated",
    "ProjectDeleted",
    "Topic",
    "rfc3339",
]
