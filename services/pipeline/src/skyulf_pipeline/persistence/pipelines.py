"""SQL of pipelines and their versions."""

from dataclasses import asdict

from skyulf_service.database.pagination import Page, decode_cursor, encode_cursor, invalid_cursor
from skyulf_service.database.repository import Repository
from skyulf_service.errors import NotFoundError
from sqlalchemy import ColumnElement, RowMapping, Select, select

from skyulf_pipeline.domain.pipelines import Pipeline, PipelineStatus, PipelineVersion
from skyulf_pipeline.persistence import tables

ACTIVE: ColumnElement[bool] = tables.pipelines.c.status == PipelineStatus.ACTIVE.value


class PipelineRepository(Repository[Pipeline]):
    """Pipelines with their versions."""

    table = tables.pipelines
    entity = "pipeline"

    def to_row(self, aggregate: Pipeline) -> dict[str, object]:
        """Write a pipeline as a row."""
        return {**asdict(aggregate), "status": aggregate.status.value}

    def from_row(self, row: RowMapping) -> Pipeline:
        """Read a pipeline from a row."""
        return Pipeline(**{**row, "status": PipelineStatus(row["status"])})

    async def remember(self, version: PipelineVersion) -> None:
        """Append a version."""
        await self.connection.execute(tables.pipeline_versions.insert().values(asdict(version)))

    async def numbered(self, pipeline: Pipeline, number: int) -> PipelineVersion:
        """Return a version by its number, or raise `NotFoundError`."""
        query = _versions_of(pipeline).where(tables.pipeline_versions.c.number == number)
        row = (await self.connection.execute(query)).mappings().one_or_none()
        if row is None:
            raise NotFoundError(f"Pipeline {pipeline.name!r} has no version {number}.")
        return PipelineVersion(**row)

    async def versions(self, pipeline: Pipeline, *, limit: int, cursor: str | None) -> Page[PipelineVersion]:
        """Return a page of versions, newest first."""
        column = tables.pipeline_versions.c.number
        query = _versions_of(pipeline).order_by(column.desc()).limit(limit + 1)
        if cursor is not None:
            query = query.where(column < _number(cursor))
        found = [PipelineVersion(**row) for row in (await self.connection.execute(query)).mappings()]
        if len(found) <= limit:
            return Page(found)
        return Page(found[:limit], encode_cursor("pipeline_versions", [found[limit - 1].number]))


def _number(cursor: str) -> int:
    (key,) = decode_cursor(cursor, "pipeline_versions", 1)
    if not isinstance(key, int) or abs(key) >= 2**31:
        raise invalid_cursor()
    return key


def _versions_of(pipeline: Pipeline) -> Select[tuple[object, ...]]:
    return select(tables.pipeline_versions).where(tables.pipeline_versions.c.pipeline_id == pipeline.id)
