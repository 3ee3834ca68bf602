"""Events of registry about models. The aggregate is the model; its versions belong to it."""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from skyulf_events.envelope import Event
from skyulf_events.refs import ArtifactRef, DatasetPin, Decisions, Importances, Intervals, PipelinePin


class ModelEvent(Event):
    """What all events about a model carry."""

    topic: ClassVar[str] = "skyulf.models.v1"
    source: ClassVar[str] = "/services/registry"
    subject_field: ClassVar[str] = "model_id"

    model_id: UUID
    model: str
    version: int = Field(ge=1)
    version_id: UUID


class ModelRegistered(ModelEvent):
    """A version of a model was registered, with its lineage."""

    type: ClassVar[str] = "model.registered"
    minor: ClassVar[int] = 2
    status: Literal["ready"] = "ready"
    stage: str
    job_id: UUID
    pipeline: PipelinePin
    dataset: DatasetPin
    sources: dict[str, DatasetPin] = Field(default_factory=dict)
    task: str
    target: str
    metrics: dict[str, float]
    artifact: ArtifactRef
    intervals: Intervals = Field(default_factory=dict)
    decisions: Decisions = Field(default_factory=dict)
    importances: Importances = ()


class ModelAliased(ModelEvent):
    """An alias points to a version of the model; ``aliases`` is the whole state of the model after it."""

    type: ClassVar[str] = "model.aliased"
    alias: str
    aliases: dict[str, int]


class ModelArchived(ModelEvent):
    """A version was archived; it can no longer be deployed."""

    type: ClassVar[str] = "model.archived"
    status: Literal["archived"] = "archived"
