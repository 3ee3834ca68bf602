"""What the file of a project says of it. Ids are those of where it was exported; they only connect its parts."""

from datetime import datetime
from typing import Annotated, Final, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

FORMAT: Final = "skyulf.project/1"
MANIFEST, PROJECT = "manifest.json", "project.json"
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
Number = Annotated[int, Field(ge=1)]


class Record(BaseModel):
    """A part of the file."""

    model_config = ConfigDict(frozen=True)


class Entry(Record):
    """A member of the file."""

    name: str
    size: int = Field(ge=0)
    sha256: Sha256


class Manifest(Record):
    """The table of contents, written last: a file without it is not whole."""

    format: Literal["skyulf.project/1"] = FORMAT
    version: str
    made_at: datetime
    project: str
    files: list[Entry]


class DatasetRecord(Record):
    """A dataset; ``file`` is the member with what was once uploaded."""

    id: UUID
    name: str
    format: Literal["csv", "parquet"]
    encoding: str | None = None
    separator: str | None = None
    sha256: Sha256
    file: str


class PipelineRecord(Record):
    """A pipeline with all its configurations, the oldest first. A deleted one is there for the models it has made."""

    id: UUID
    name: str
    description: str = ""
    register_as: Slug
    deleted: bool = False
    configs: list[dict[str, JsonValue]] = Field(min_length=1)


class SourceRecord(Record):
    """A version of a dataset."""

    dataset_id: UUID
    version: Number


class VersionRecord(Record):
    """A version of a model. ``files`` are those of its bundle by path, ``pack`` is the member that holds them."""

    number: Number
    stage: str
    pipeline_id: UUID
    pipeline_version: Number
    dataset_id: UUID
    dataset_version: Number
    sources: dict[str, SourceRecord] = Field(default_factory=dict)
    files: dict[str, Sha256]
    pack: str


class ModelRecord(Record):
    """A model, its versions by number."""

    name: Slug
    aliases: dict[Slug, Number] = Field(default_factory=dict)
    versions: list[VersionRecord]


class DeploymentRecord(Record):
    """What was served under a name."""

    name: Slug
    model: Slug
    version: Number


class ProjectRecord(Record):
    """A project, each kind in the order in which its things were made."""

    slug: str
    datasets: list[DatasetRecord]
    pipelines: list[PipelineRecord]
    models: list[ModelRecord]
    deployments: list[DeploymentRecord]

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        pipelines = {pipeline.id: len(pipeline.configs) for pipeline in self.pipelines}
        numbers: dict[str, set[int]] = {}
        for model in self.models:
            numbers[model.name] = {version.number for version in model.versions}
            lost = [
                each.number for each in model.versions if each.pipeline_version > pipelines.get(each.pipeline_id, 0)
            ]
            if lost:
                raise ValueError(f"versions {lost} of {model.name!r} were made by a pipeline that is not there")
        for each in self.deployments:
            if each.version not in numbers.get(each.model, ()):
                raise ValueError(f"deployment {each.name!r} serves a version that is not there")
        return self
