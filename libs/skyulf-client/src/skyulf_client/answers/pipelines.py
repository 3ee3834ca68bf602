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


class PipelineVersion(Answer):
    """One configuration of a pipeline; it never changes."""

    pipeline_id: UUID
    version: int
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
    streaming: bool = False
    extra: str | None = None
    portable: bool = True
    max_inputs: int | None = 1
    reference: str = ""
    tolerance: float | None = None


class Parameter(Answer):
    """A parameter of a node as a row of a table; ``rules[].column`` is one inside another."""

    name: str
    type: str
    default: str
    allowed: str
    only_when: str
    help: str


class NodeDetail(Node):
    """A node with the JSON Schema of its configuration, and the same as a table.

    ``operations`` are those of the serving plan that it becomes; only the installed library says them.
    """

    json_schema: dict[str, JsonValue]
    parameters: list[Parameter] = Field(default_factory=list)
    operations: list[str] = Field(default_factory=list)
