"""What the bodies of pipelines and their checks look like."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints
from skyulf_core import NodeInfo, Validation

from skyulf_pipeline.api.dependencies import SLUG
from skyulf_pipeline.domain import configs
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

    @classmethod
    def of(cls, info: NodeInfo) -> Self:
        """A node as lists show it."""
        return cls(**{name: value for name, value in info.to_dict().items() if name in NodeRead.model_fields})


class NodeDetail(NodeRead):
    """A node with the JSON Schema of its configuration, for forms."""

    json_schema: dict[str, JsonValue]

    @classmethod
    def with_schema(cls, info: NodeInfo) -> Self:
        """A node as the API shows it."""
        return cls.model_validate({**NodeRead.of(info).model_dump(), "json_schema": info.json_schema})
