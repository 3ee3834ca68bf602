"""Pipelines, their checks, and the nodes that they are made of."""

from datetime import datetime
from uuid import UUID

from pydantic import Field, JsonValue

from skyulf_client.answers.base import Answer


class PipelineSummary(Answer):
    """A pipeline without its configuration."""

    id: UUID
    name: str
    description: str = ""
    register_as: str
    latest_version: int
    created_at: datetime
    updated_at: datetime


class Pipeline(PipelineSummary):
    """A pipeline with its newest configuration."""

    config: dict[str, JsonValue]


class Problem(Answer):
    """One thing that is wrong with a configuration."""

    pointer: str
    code: str
    message: str
    node: str | None = None
    field: str | None = None
    suggestion: str | None = None


class StepColumn(Answer):
    """A column as it is behind a step."""

    name: str
    dtype: str
    nullable: bool


class Validation(Answer):
    """All problems at once, and the columns behind each step (None where they cannot be known)."""

    valid: bool
    problems: list[Problem]
    schemas: list[list[StepColumn] | None] = Field(default_factory=list)


class Node(Answer):
    """A node of the catalogue."""

    name: str
    family: str
    kind: str
    summary: str
    keywords: list[str] = Field(default_factory=list)
    task: str | None = None


class NodeDetail(Node):
    """A node with the JSON Schema of its configuration."""

    json_schema: dict[str, JsonValue]
