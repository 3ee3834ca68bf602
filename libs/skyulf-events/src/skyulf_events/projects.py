"""Events of the gateway about projects."""

from typing import ClassVar

from skyulf_events.envelope import Event


class ProjectEvent(Event):
    """What all events about a project carry; the project is the aggregate."""

    topic: ClassVar[str] = "skyulf.projects.v1"
    source: ClassVar[str] = "/services/gateway"
    subject_field: ClassVar[str] = "project_id"

    slug: str
    name: str


class ProjectCreated(ProjectEvent):
    """A project exists."""

    type: ClassVar[str] = "project.created"


class ProjectDeleted(ProjectEvent):
    """A project is gone; whoever holds something of it purges it."""

    type: ClassVar[str] = "project.deleted"
