"""Models and their versions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import JsonValue

from skyulf_registry.domain.errors import VersionArchivedError


class Stage(StrEnum):
    """How far a version has come on its way to users."""

    NONE = "none"
    DEVELOPMENT = "development"
    STAGING = "staging"
    PRODUCTION = "production"
    ARCHIVED = "archived"


class VersionStatus(StrEnum):
    """Whether a version may be used."""

    READY = "ready"
    ARCHIVED = "archived"


@dataclass(frozen=True, slots=True)
class Artifact:
    """A signed manifest: ``digest`` is the SHA-256 of its bytes, ``size`` their number."""

    bucket: str
    key: str
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Source:
    """One version of a dataset."""

    dataset_id: UUID
    version: int


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a version was made from."""

    job_id: UUID
    pipeline_id: UUID
    pipeline_version: int
    pipeline_name: str
    dataset_id: UUID
    dataset_version: int
    sources: Mapping[str, Source] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MetricInterval:
    """The range that holds a metric's true value in ``confidence`` of all cases."""

    low: float
    high: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Importance:
    """How much a version goes by one column."""

    name: str
    importance: float


@dataclass(slots=True)
class Model:
    """A named series of versions. ``aliases`` maps a name such as ``champion`` to a version number."""

    id: UUID
    project_id: UUID
    name: str
    created_at: datetime
    updated_at: datetime
    description: str = ""
    latest_version: int = 0
    aliases: dict[str, int] = field(default_factory=dict)
    version: int = 1

    def next_version(self) -> int:
        """Take the next version number; numbers are never used twice."""
        self.latest_version += 1
        return self.latest_version

    def point(self, alias: str, version: "ModelVersion") -> None:
        """Make an alias name a version of this model."""
        version.require_usable()
        self.aliases = {**self.aliases, alias: version.number}

    def drop_alias(self, alias: str) -> None:
        """Forget an alias; unknown ones are no error, so that the call can be repeated."""
        self.aliases = {name: number for name, number in self.aliases.items() if name != alias}


@dataclass(slots=True)
class ModelVersion:
    """One trained model with its figures and where it came from.

    ``intervals`` say how sure ``metrics`` are, ``decisions`` what was chosen after training (threshold, calibration,
    conformal), ``importances`` what the model goes by, the largest first.
    """

    id: UUID
    project_id: UUID
    model_id: UUID
    model: str
    number: int
    lineage: Lineage
    artifact: Artifact
    task: str
    target: str
    estimator: str
    framework: str
    metrics: dict[str, float]
    created_at: datetime
    updated_at: datetime
    intervals: dict[str, MetricInterval] = field(default_factory=dict)
    decisions: dict[str, JsonValue] = field(default_factory=dict)
    importances: tuple[Importance, ...] = ()
    stage: Stage = Stage.NONE
    status: VersionStatus = VersionStatus.READY
    version: int = 1

    def require_usable(self) -> None:
        """Raise `VersionArchivedError` unless the version may be deployed or promoted."""
        if self.status is VersionStatus.ARCHIVED:
            raise VersionArchivedError(f"Version {self.number} of {self.model!r} is archived; choose another version.")

    def move_to(self, stage: Stage) -> None:
        """Put the version into a stage; `Stage.ARCHIVED` is reached by archiving only."""
        self.require_usable()
        self.stage = stage

    def archive(self) -> None:
        """Take the version out of use for good."""
        self.require_usable()
        self.status, self.stage = VersionStatus.ARCHIVED, Stage.ARCHIVED
