"""On whose behalf something happens, and what that principal may see."""

from dataclasses import dataclass
from uuid import UUID

from skyulf_service.errors import ForbiddenError


@dataclass(frozen=True, slots=True)
class Scope:
    """A principal in one project. Without a project it is the system scope, which sees all projects.

    ``subject`` is ``user:<id>``, ``key:<id>`` or ``service:<name>``.
    """

    project_id: UUID | None
    subject: str
    permissions: frozenset[str] = frozenset()

    @classmethod
    def system(cls, service: str) -> "Scope":
        """The scope of relays, sweepers, reconcilers and consumers: every project, every permission."""
        return cls(project_id=None, subject=f"service:{service}", permissions=frozenset({"*"}))

    @property
    def is_system(self) -> bool:
        """Whether the scope sees every project: no project, and the permission ``*``."""
        return self.project_id is None and "*" in self.permissions

    def require_project(self) -> UUID:
        """Return the project, or raise `ForbiddenError` where the scope names none."""
        if self.project_id is None:
            raise ForbiddenError("This operation needs a project: name one in the header Skyulf-Project.")
        return self.project_id

    def allows(self, permission: str) -> bool:
        """Whether the principal holds the permission (``*`` holds all of them)."""
        return permission in self.permissions or "*" in self.permissions
