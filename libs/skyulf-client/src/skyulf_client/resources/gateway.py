"""Keys, projects and dead letters."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pydantic import JsonValue

from skyulf_client.answers import ApiKey, CreatedApiKey, DeadLetters, Me, Page, Project
from skyulf_client.operations import Request, Steps, ask, get, keyed, operation, send
from skyulf_client.resources.base import AsyncResource, BlockingResource


class KeyOperations:
    """Make and revoke API keys."""

    @operation
    def create(
        self,
        name: str,
        *,
        scopes: Sequence[str] | None = None,
        expires_at: datetime | None = None,
        project_id: UUID | str | None = None,
    ) -> Steps[CreatedApiKey]:
        """Make a key, whose secret is shown this once. ``scopes``: permissions and roles; by default all of yours.

        ``project_id`` is another project; it needs a key of the organisation.
        """
        body: dict[str, JsonValue] = {"name": name}
        if scopes:
            body["scopes"] = [*scopes]
        if expires_at is not None:
            body["expires_at"] = expires_at.isoformat()
        if project_id is not None:
            body["project_id"] = str(project_id)
        return (yield from send(CreatedApiKey, "POST", "/api-keys", body))

    @operation
    def list(self, *, limit: int = 50, cursor: str | None = None) -> Steps[Page[ApiKey]]:
        """List the project's keys, newest first, with the revoked ones."""
        return (yield from get(Page[ApiKey], "/api-keys", limit=limit, cursor=cursor))

    @operation
    def revoke(self, key_id: UUID | str) -> Steps[ApiKey]:
        """Take a key out of use for good."""
        return ApiKey.model_validate_json((yield from ask(Request("DELETE", f"/api-keys/{key_id}"))).body)

    @operation
    def me(self) -> Steps[Me]:
        """Show the key in use, its project and what it may do."""
        return (yield from get(Me, "/auth/me"))


class ProjectOperations:
    """Projects of the organisation."""

    @operation
    def create(self, slug: str, *, name: str | None = None) -> Steps[Project]:
        """Add a project; needs a key of the organisation."""
        body: dict[str, JsonValue] = {"slug": slug} if name is None else {"slug": slug, "name": name}
        return (yield from send(Project, "POST", "/projects", body))

    @operation
    def list(self, *, limit: int = 50, cursor: str | None = None) -> Steps[Page[Project]]:
        """List the projects that the key reaches."""
        return (yield from get(Page[Project], "/projects", limit=limit, cursor=cursor))

    @operation
    def get(self, project_id: UUID | str) -> Steps[Project]:
        """Show a project."""
        return (yield from get(Project, f"/projects/{project_id}"))


class DeadLetterOperations:
    """What consumers could not handle; needs ``system:operate``."""

    @operation
    def list(self, *, limit: int = 20, cursor: str | None = None) -> Steps[DeadLetters]:
        """List the dead letters of all services, newest first."""
        return (yield from get(DeadLetters, "/dead-letters", limit=limit, cursor=cursor))

    @operation
    def replay(self, service: str, letter_id: UUID | str) -> Steps[None]:
        """Let the handler that failed try again."""
        yield from ask(Request("POST", f"/dead-letters/{service}/{letter_id}/replay", headers=keyed("POST")))

    @operation
    def discard(self, service: str, letter_id: UUID | str) -> Steps[None]:
        """Forget a dead letter for good."""
        yield from ask(Request("DELETE", f"/dead-letters/{service}/{letter_id}"))


class Keys(KeyOperations, BlockingResource):
    """Keys, blocking."""


class AsyncKeys(KeyOperations, AsyncResource):
    """Keys, awaited."""


class Projects(ProjectOperations, BlockingResource):
    """Projects, blocking."""


class AsyncProjects(ProjectOperations, AsyncResource):
    """Projects, awaited."""


class BlockingDeadLetters(DeadLetterOperations, BlockingResource):
    """Dead letters, blocking."""


class AsyncDeadLetters(DeadLetterOperations, AsyncResource):
    """Dead letters, awaited."""
