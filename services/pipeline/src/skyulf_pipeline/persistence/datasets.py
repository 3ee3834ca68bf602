"""SQL of the copy of ingestion's datasets."""

from dataclasses import asdict
from uuid import UUID

from skyulf_service.database.repository import insert_ignoring_conflict
from skyulf_service.scope import Scope
from sqlalchemy import RowMapping, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from skyulf_pipeline.domain.datasets import Dataset, DatasetStatus, StoredFile
from skyulf_pipeline.persistence import tables

_columns = tables.datasets.c


class DatasetProjection:
    """Datasets as their newest events told them; what is older than what is known changes nothing."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection

    async def find(self, scope: Scope, dataset_id: UUID, number: int | None = None) -> Dataset | None:
        """Return a version of a dataset; without a number the newest ready one, else the newest."""
        query = select(tables.datasets).where(_columns.dataset_id == dataset_id)
        if not scope.is_system:
            query = query.where(_columns.project_id == scope.require_project())
        if number is not None:
            query = query.where(_columns.number == number)
        ready_first = (_columns.status == DatasetStatus.READY.value).desc()
        row = (
            (await self.connection.execute(query.order_by(ready_first, _columns.number.desc()).limit(1)))
            .mappings()
            .first()
        )
        return None if row is None else _dataset(row)

    async def put(self, dataset: Dataset) -> bool:
        """Store what an event told, unless something newer is known; says whether it was news."""
        gone = (
            select(_columns.number)
            .where(_columns.dataset_id == dataset.dataset_id, _columns.status == DatasetStatus.DELETED.value)
            .where(_columns.event_version >= dataset.order)
        )
        if (await self.connection.execute(gone.limit(1))).first() is not None:
            return False
        row = _row(dataset)
        if await insert_ignoring_conflict(self.connection, tables.datasets, row):
            return True
        older = (
            update(tables.datasets)
            .where(_columns.dataset_id == dataset.dataset_id, _columns.number == dataset.number)
            .where(_columns.event_version < dataset.order)
        )
        return (await self.connection.execute(older.values(row))).rowcount == 1

    async def forget(self, tombstone: Dataset) -> None:
        """Replace all versions that are older than the deletion by a mark that it happened."""
        older = (_columns.dataset_id == tombstone.dataset_id) & (_columns.event_version < tombstone.order)
        await self.connection.execute(delete(tables.datasets).where(older))
        await insert_ignoring_conflict(self.connection, tables.datasets, _row(tombstone))


def _row(dataset: Dataset) -> dict[str, object]:
    return {
        "dataset_id": dataset.dataset_id,
        "number": dataset.number,
        "project_id": dataset.project_id,
        "name": dataset.name,
        "status": dataset.status.value,
        "event_version": dataset.order,
        "rows": dataset.rows,
        "columns": [dict(column) for column in dataset.columns],
        "file": None if dataset.file is None else asdict(dataset.file),
        "reason": dataset.reason,
    }


def _dataset(row: RowMapping) -> Dataset:
    return Dataset(
        dataset_id=row["dataset_id"],
        number=row["number"],
        project_id=row["project_id"],
        name=row["name"],
        status=DatasetStatus(row["status"]),
        order=row["event_version"],
        rows=row["rows"],
        columns=tuple(row["columns"]),
        file=None if row["file"] is None else StoredFile(**row["file"]),
        reason=row["reason"],
    )
