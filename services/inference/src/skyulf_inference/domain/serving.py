"""What shall be served, and what replicas say they serve."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

NO_REPLICAS = "no-replicas", "No replica of inference is running."


class Desired(StrEnum):
    """What a person wants of a deployment."""

    ACTIVE = "active"
    STOPPED = "stopped"


class ServingStatus(StrEnum):
    """What has been announced of the newest revision."""

    PENDING = "pending"
    READY = "ready"
    FAILED = "failed"
    STOPPED = "stopped"


class ReplicaStatus(StrEnum):
    """What one replica makes of a revision."""

    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Artifact:
    """A signed manifest: ``digest`` is the SHA-256 of its bytes, ``size`` their number."""

    bucket: str
    key: str
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Target:
    """The model version to serve."""

    model: str
    model_version: int
    model_version_id: UUID
    artifact: Artifact


@dataclass(frozen=True, slots=True)
class Dedication:
    """What a dedicated replica serves: one deployment, and where a digest is given only while that is wanted there."""

    deployment_id: UUID
    digest: str | None = None

    def covers(self, serving: "Serving") -> bool:
        """Whether the replica serves what is wanted of this deployment now."""
        if serving.deployment_id != self.deployment_id or serving.target is None:
            return False
        return self.digest in (None, serving.target.artifact.digest)


@dataclass(frozen=True, slots=True)
class ReplicaState:
    """What a replica says of one deployment."""

    replica_id: UUID
    serving_id: UUID
    revision: int
    status: ReplicaStatus
    serving_revision: int | None = None
    error_code: str | None = None
    error_message: str | None = None


@dataclass(slots=True)
class Serving:
    """A deployment as inference sees it: registry's wish, and what has been announced of it.

    ``desired_order`` is the version of registry's aggregate, so that late and repeated wishes are dropped;
    ``traceparent`` is the trace of the newest wish, which its announcement goes on with.
    """

    id: UUID
    project_id: UUID
    deployment_id: UUID
    name: str
    revision: int
    desired_order: int
    desired: Desired
    created_at: datetime
    updated_at: datetime
    target: Target | None = None
    status: ServingStatus = ServingStatus.PENDING
    replicas: int = 0
    error_code: str | None = None
    error_message: str | None = None
    traceparent: str | None = None
    version: int = 1

    def want(self, *, order: int, revision: int, target: Target | None, traceparent: str | None = None) -> bool:
        """Take in what registry wants; says whether that was news."""
        if order <= self.desired_order:
            return False
        self.desired_order, self.revision, self.target = order, revision, target
        self.desired = Desired.STOPPED if target is None else Desired.ACTIVE
        self.status = ServingStatus.STOPPED if target is None else ServingStatus.PENDING
        self.error_code = self.error_message = None
        self.traceparent = traceparent
        return True

    def judge(self, live: int, states: list[ReplicaState], *, abandoned: bool = False) -> bool:
        """Draw the conclusion from the live replicas' states of this revision; says whether it changed.

        One that fails is enough for a failure; a replica that has not said anything yet takes nothing back. That none
        lives is a failure only where it has been so for long (``abandoned``): they may be restarting.
        """
        if self.desired is Desired.STOPPED:
            return False
        if live == 0:
            return abandoned and self._conclude(ServingStatus.FAILED, 0, *NO_REPLICAS)
        failed = next((state for state in states if state.status is ReplicaStatus.FAILED), None)
        if failed is not None:
            reason = (failed.error_code, failed.error_message)
            return self._conclude(ServingStatus.FAILED, live, *reason)
        if sum(state.status is ReplicaStatus.READY for state in states) < live:
            return False
        return self._conclude(ServingStatus.READY, live, None, None)

    def _conclude(self, status: ServingStatus, live: int, code: str | None, message: str | None) -> bool:
        fewer_or_more = status is ServingStatus.READY and self.replicas != live
        if (self.status, self.error_code) == (status, code) and not fewer_or_more:
            return False
        self.status, self.replicas, self.error_code, self.error_message = status, live, code, message
        return True
