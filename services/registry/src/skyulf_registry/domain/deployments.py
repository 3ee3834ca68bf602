"""Deployments: which version shall be served under a name, and what inference says of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from skyulf_registry.domain.errors import DeploymentStoppedError, VersionAlreadyLiveError
from skyulf_registry.domain.models import ModelVersion


class Desired(StrEnum):
    """What a person wants of a deployment."""

    ACTIVE = "active"
    STOPPED = "stopped"


class Observed(StrEnum):
    """What inference reports of a deployment."""

    PENDING = "pending"
    READY = "ready"
    FAILED = "failed"
    STOPPED = "stopped"


class Reason(StrEnum):
    """Why a revision came to be."""

    DEPLOY = "deploy"
    ROLLBACK = "rollback"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Revision:
    """One desired state of a deployment; numbers count from 1 without gaps."""

    deployment_id: UUID
    project_id: UUID
    number: int
    reason: Reason
    model_version_id: UUID | None
    model: str | None
    model_version: int | None
    actor: str
    created_at: datetime


@dataclass(slots=True)
class Deployment:
    """A name under which predictions are answered. Every change of what is wanted is a new ``revision``."""

    id: UUID
    project_id: UUID
    name: str
    created_at: datetime
    updated_at: datetime
    desired: Desired = Desired.STOPPED
    revision: int = 0
    model_version_id: UUID | None = None
    model: str | None = None
    model_version: int | None = None
    observed: Observed = Observed.PENDING
    observed_revision: int | None = None
    observed_version: int | None = None
    replicas: int = 0
    error_code: str | None = None
    error_message: str | None = None
    serving_model: str | None = None
    serving_model_version: int | None = None
    version: int = 1

    def want(self, target: ModelVersion) -> None:
        """Make a version the desired one. Raises `VersionArchivedError` or `VersionAlreadyLiveError`."""
        target.require_usable()
        # A revision that failed may be asked for again: the reason (a missing object, say) may have gone.
        if (
            self.desired is Desired.ACTIVE
            and self.model_version_id == target.id
            and self.observed is not Observed.FAILED
        ):
            raise VersionAlreadyLiveError(
                f"Deployment {self.name!r} already wants version {target.number} of {target.model!r}."
            )
        self.desired = Desired.ACTIVE
        self.model_version_id, self.model, self.model_version = target.id, target.model, target.number
        self._start_revision(Observed.PENDING)

    def stop(self) -> None:
        """Want nothing to be served. Raises `DeploymentStoppedError` when that is so already."""
        if self.desired is Desired.STOPPED:
            raise DeploymentStoppedError(f"Deployment {self.name!r} is stopped already.")
        self.desired = Desired.STOPPED
        self.model_version_id = self.model = self.model_version = None
        self.serving_model = self.serving_model_version = None
        self._start_revision(Observed.STOPPED)

    def observe_ready(self, *, revision: int, order: int, replicas: int, model: str, model_version: int) -> bool:
        """Take in that a revision is served; says whether that was news (older reports are not)."""
        if not self._is_news(revision, order):
            return False
        self.observed, self.replicas = Observed.READY, replicas
        self.serving_model, self.serving_model_version = model, model_version
        self.error_code = self.error_message = None
        return True

    def observe_failed(self, *, revision: int, order: int, replicas: int, code: str, message: str) -> bool:
        """Take in that a revision cannot be served; what was served before goes on. Says whether that was news."""
        if not self._is_news(revision, order):
            return False
        self.observed, self.replicas = Observed.FAILED, replicas
        self.error_code, self.error_message = code, message
        return True

    def record(self, *, reason: Reason, actor: str, at: datetime) -> Revision:
        """The current desired state as a line of the history."""
        return Revision(
            deployment_id=self.id,
            project_id=self.project_id,
            number=self.revision,
            reason=reason,
            model_version_id=self.model_version_id,
            model=self.model,
            model_version=self.model_version,
            actor=actor,
            created_at=at,
        )

    def _start_revision(self, observed: Observed) -> None:
        self.revision += 1
        self.observed, self.error_code, self.error_message = observed, None, None

    def _is_news(self, revision: int, order: int) -> bool:
        # `order` is the version of inference's own record: reports arrive late, twice and shuffled.
        if self.observed_version is not None and order <= self.observed_version:
            return False
        self.observed_version = order
        if revision != self.revision or self.desired is Desired.STOPPED:
            return False
        self.observed_revision = revision
        return True
