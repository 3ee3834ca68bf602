"""What the bodies of pipelines and their checks look like."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints
from skyulf_core import NodeInfo, Validation
from skyulf_core.catalogue import parameters_of

from skyulf_pipeline.api.dependencies import SLUG
from skyulf_pipeline.domain import configs
from skyulf_pipeline.domain.datasets import DatasetVersion
from skyulf_pipeline.domain.pipelines import Pipeline, PipelineVersion
from skyulf_pipeline.service.pipelines import PipelineDraft

DisplayName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
VersionNumber = Annotated[int, Field(ge=1, le=2**31 - 1)]
Config = Annotated[
    dict[str, JsonValue],
    Field(
        description="Steps and model; `GET /api/v1/nodes` shows what there is",
        examples=[
            {
                "steps": [{"node": "TrainTestSplit", "config": {"target": "species", "test_size": 0.2}}],
                "model": {"node": "hist_gradient_boosting_classifier", "config": {}},
            }
        ],
    ),
]


class Body(BaseModel):
    """A request's body: unknown fields are refused, because they are usually spelling mistakes."""

    model_config = ConfigDict(extra="forbid")


class DatasetPick(Body):
    """A dataset; without a version its newest one that is ready."""

    dataset_id: UUID
    dataset_version: VersionNumber | None = None


SourceName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Sources = Annotated[
    dict[SourceName, DatasetPick],
    Field(max_length=100, description="The tables of the graph's further sources, by the name of the source"),
]


def named_versions(sources: Mapping[str, DatasetPick]) -> dict[str, DatasetVersion]:
    """The datasets of further sources as the use cases want them."""
    return {name: DatasetVersion(pick.dataset_id, pick.dataset_version) for name, pick in sources.items()}


class PipelineWrite(Body):
    """A pipeline; `register_as` names the model that its jobs register, by default after the pipeline."""

    name: DisplayName
    description: str = Field(default="", max_length=10_000)
    config: Config
    register_as: Annotated[str, Field(pattern=SLUG, examples=["late-flights"])] | None = None

    def draft(self) -> PipelineDraft:
        """The body as the use cases want it."""
        return PipelineDraft(
            name=self.name, config=self.config, description=self.description, register_as=self.register_as
        )


class PipelineSummary(BaseModel):
    """A pipeline without its configuration."""

    id: UUID
    name: str
    description: str
    register_as: str
    latest_version: int = Field(description="The newest configuration's number")
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, pipeline: Pipeline) -> Self:
        """A pipeline as lists show it."""
        return cls(**{name: getattr(pipeline, name) for name in PipelineSummary.model_fields})


class PipelineRead(PipelineSummary):
    """A pipeline with its newest configuration."""

    config: dict[str, JsonValue]

    @classmethod
    def with_config(cls, pipeline: Pipeline, version: PipelineVersion) -> Self:
        """A pipeline as the API shows it."""
        return cls(**PipelineSummary.of(pipeline).model_dump(), config=version.config)


class PipelineVersionSummary(BaseModel):
    """One configuration of a pipeline, without the configuration itself."""

    pipeline_id: UUID
    version: int
    author: str = Field(description="Who made it: `user:<id>`, `key:<id>` or `service:<name>`")
    created_at: datetime

    @classmethod
    def of(cls, version: PipelineVersion) -> Self:
        """A version as lists show it."""
        return cls(
            pipeline_id=version.pipeline_id,
            version=version.number,
            author=version.author,
            created_at=version.created_at,
        )


class PipelineVersionRead(PipelineVersionSummary):
    """One configuration of a pipeline; it never changes."""

    config: dict[str, JsonValue]

    @classmethod
    def with_config(cls, version: PipelineVersion) -> Self:
        """A version as the API shows it."""
        return cls(**PipelineVersionSummary.of(version).model_dump(), config=version.config)


class ValidateRequest(Body):
    """A configuration to check; with a dataset its columns are checked too."""

    config: Config
    dataset_id: UUID | None = None
    dataset_version: VersionNumber | None = None
    sources: Sources = Field(default_factory=dict)


class ProblemRead(BaseModel):
    """One thing that is wrong with a configuration."""

    pointer: str = Field(description="JSON pointer into the request", examples=["/config/steps/1/config/strategy"])
    code: str
    message: str
    node: str | None
    field: str | None
    suggestion: str | None


class ColumnRead(BaseModel):
    """A column as it is after a step. A name with `*` stands for several, whose names are known after training."""

    name: str
    dtype: str
    nullable: bool


class ValidationRead(BaseModel):
    """All problems at once, and the columns after each step (null where they cannot be known)."""

    valid: bool
    problems: list[ProblemRead]
    schemas: list[list[ColumnRead] | None]

    @classmethod
    def of(cls, found: Validation) -> Self:
        """The library's findings as the API shows them."""
        shown = found.problems[: configs.MOST_PROBLEMS]
        problems = [
            ProblemRead(**{**problem.to_dict(), "pointer": configs.ROOT + problem.pointer}) for problem in shown
        ]
        schemas = [
            None if schema is None else [ColumnRead(name=c.name, dtype=c.dtype, nullable=c.nullable) for c in schema]
            for schema in found.schemas
        ]
        return cls(valid=found.valid, problems=problems, schemas=schemas)


class NodeRead(BaseModel):
    """A node of the catalogue."""

    name: str
    family: str
    kind: str = Field(description="stateless, learned, target_aware, row_changing, history or splitter")
    summary: str
    keywords: list[str]
    task: str | None = Field(description="What a model does; null for other nodes")
    streaming: bool = Field(description="Whether it learns from rows that memory does not hold")
    max_inputs: int | None = Field(description="How many inputs it takes in a graph; null: any number")
    extra: str | None = Field(description="The extra of the library that it needs; null where it needs none")
    portable: bool = Field(description="Whether what it learns is plain data, not a library's own format")
    reference: str = Field(description="What it is compared with, within `tolerance`; may be empty")
    tolerance: float

    @classmethod
    def of(cls, info: NodeInfo) -> Self:
        """A node as lists show it."""
        return cls(**{name: value for name, value in info.to_dict().items() if name in NodeRead.model_fields})


class ParameterRead(BaseModel):
    """A parameter of a node in words: a row of a table for people. Forms are built from the JSON Schema."""

    name: str = Field(description="`rules[].column` is one inside another", examples=["strategy"])
    type: str
    default: str = Field(description="As JSON; `required` where there is none", examples=['"mean"'])
    allowed: str = Field(description="Choices and bounds")
    only_when: str = Field(description="On which other parameter it depends whether this one matters")
    help: str


class NodeDetail(NodeRead):
    """A node with the JSON Schema of its configuration, for forms, and the same as a table, for people."""

    json_schema: dict[str, JsonValue]
    parameters: list[ParameterRead]

    @classmethod
    def with_schema(cls, info: NodeInfo) -> Self:
        """A node as the API shows it."""
        parameters = [parameter.to_dict() for parameter in parameters_of(info.json_schema)]
        plain = {**NodeRead.of(info).model_dump(), "json_schema": info.json_schema, "parameters": parameters}
        return cls.model_validate(plain)
