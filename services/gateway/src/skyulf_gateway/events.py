"""From the gateway's aggregates to its published contracts."""

from skyulf_events import ProjectCreated
from skyulf_service.ids import new_id, utc_now

from skyulf_gateway.domain.projects import Project


def project_created(project: Project) -> ProjectCreated:
    """Announce a new project."""
    return ProjectCreated(
        event_id=new_id(),
        project_id=project.id,
        aggregate_version=project.version,
        occurred_at=utc_now(),
        slug=project.slug,
        name=project.name,
    )
