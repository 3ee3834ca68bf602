"""References that events carry instead of data."""

from uuid import UUID

from pydantic import Field

from skyulf_events.envelope import Payload

SHA256 = r"^[0-9a-f]{64}$"


class ObjectRef(Payload):
    """An immutable object in a service's bucket, named by its key and its content's hash. ``size`` is in bytes."""

    bucket: str
    key: str
    sha256: str = Field(pattern=SHA256)
    size: int = Field(ge=0)


class ArtifactRef(Payload):
    """A signed manifest in a bucket; ``digest`` is the SHA-256 of the manifest's bytes. ``size`` is in bytes."""

    bucket: str
    key: str
    digest: str = Field(pattern=SHA256)
    size: int = Field(ge=0)


class ColumnField(Payload):
    """A column of a dataset: its name, its logical type and whether it holds nulls."""

    name: str
    type: str
    nullable: bool


class Failure(Payload):
    """Why something failed: a stable code and a sentence for people."""

    code: str
    message: str


class DatasetPin(Payload):
    """One version of a dataset."""

    dataset_id: UUID
    version: int = Field(ge=1)


class PipelinePin(Payload):
    """One version of a pipeline."""

    pipeline_id: UUID
    version: int = Field(ge=1)
