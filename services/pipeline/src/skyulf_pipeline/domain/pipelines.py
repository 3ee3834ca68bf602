"""Pipelines: a named configuration in versions that never change."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import JsonValue
from skyulf_service.errors import NotFoundError

Config = dict[str, JsonValue]


class PipelineStatus(StrEnum):
    """Whether a pipeline can be used; a deleted one stays for the jobs that ran it."""

    ACTIVE = "active"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class PipelineVersion:
    """One configuration of a pipeline; numbers count from 1 without gaps."""

    pipeline_id: UUID
    number: int
    project_id: UUID
    config: Config
    author: str
    created_at: datetime


@dataclass(slots=True)
class Pipeline:
    """A named series of configurations. ``register_as`` names the model that its jobs register."""

    id: UUID
    project_id: UUID
    name: str
    register_as: str
    created_at: datetime
    updated_at: datetime
    description: str = ""
    status: PipelineStatus = PipelineStatus.ACTIVE
    latest_version: int = 0
    version: int = 1

    def next_version(self, config: Config, *, author: str, at: datetime) -> PipelineVersion:
        """Take the next version's number for a configuration."""
        self.require_active()
        self.latest_version += 1
        return PipelineVersion(
            pipeline_id=self.id,
            number=self.latest_version,
            project_id=self.project_id,
            config=config,
            author=author,
            created_at=at,
        )

    def rename(self, *, name: str, description: str, register_as: str | None) -> None:
        """Describe the pipeline anew; without ``register_as`` its models keep their name."""
        self.require_active()
        self.name, self.description = name, description
        self.register_as = register_as or self.register_as

    def delete(self) -> None:
        """Take the pipeline out of use; its jobs and versions stay."""
        self.require_active()
        self.status = PipelineStatus.DELETED

    def require_active(self) -> None:
        """Raise `NotFoundError` for a deleted pipeline: for its users it is gone."""
        if self.status is PipelineStatus.DELETED:
            raise NotFoundError(f"There is no pipeline {self.id} in this project.")


def slug_of(name: str) -> str:
    """Make a model's name of any text: lower-case ASCII letters, digits and dashes; ``model`` when nothing is left."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:63].strip("-") or "model"
