"""Which events exist, and which topics carry them."""

from typing import Literal

from skyulf_events.datasets import DatasetCreated, DatasetDeleted, DatasetFailed, DatasetProfiled
from skyulf_events.deployments import DeploymentFailed, DeploymentReady, ModelDeployed, ModelUndeployed
from skyulf_events.envelope import Event, Payload
from skyulf_events.jobs import JobCompleted, JobProgressed, JobQueued, JobStarted
from skyulf_events.models import ModelAliased, ModelArchived, ModelRegistered
from skyulf_events.projects import ProjectCreated, ProjectDeleted

EVENTS: tuple[type[Event], ...] = (
    DatasetCreated, DatasetProfiled, DatasetFailed, DatasetDeleted,
    JobQueued, JobStarted, JobProgressed, JobCompleted,
    ModelRegistered, ModelAliased, ModelArchived,
    ModelDeployed, ModelUndeployed, DeploymentReady, DeploymentFailed,
    ProjectCreated, ProjectDeleted,
)  # fmt: skip
EVENTS_BY_TYPE: dict[str, type[Event]] = {event.ce_type(): event for event in EVENTS}


class Topic(Payload):
    """How a topic is created: partitions, and how long its records are kept (days)."""

    name: str
    partitions: int = 3
    retention_days: int = 7
    cleanup: Literal["delete", "compact"] = "delete"


TOPICS: tuple[Topic, ...] = tuple(Topic(name=name) for name in dict.fromkeys(event.topic for event in EVENTS))
