"""All SQL of ingestion."""

from dataclasses import asdict, fields
from uuid import UUID

from skyulf_service.database.repository import Repository
from skyulf_service.errors import NotFoundError
from skyulf_service.scope import Scope
from skyulf_service.work.states import WORK_FIELDS
from sqlalchemy import RowMapping

from skyulf_ingestion.domain.datasets import (
    Column,
    Dataset,
    DatasetStatus,
    Format,
    Import,
    Normalised,
    ReadOptions,
    Stored,
)
from skyulf_ingestion.persistence import tables


class DatasetRepository(Repository[Dataset]):
    """Datasets of a project."""

    table = tables.datasets
    entity = "dataset"

    def to_row(self, aggregate: Dataset) -> dict[str, object]:
        """Write a dataset as a row."""
        return {**asdict(aggregate), "format": aggregate.format.value, "status": aggregate.status.value}

    def from_row(self, row: RowMapping) -> Dataset:
        """Read a dataset from a row."""
        values = dict(row)
        content = values.pop("content")
        return Dataset(
            **{
                **values,
                "format": Format(values["format"]),
                "status": DatasetStatus(values["status"]),
                "source": Stored(**values["source"]),
            },
            content=None if content is None else _content(content),
        )


class ImportRepository(Repository[Import]):
    """The work rows behind datasets."""

    table = tables.imports
    entity = "import"

    def to_row(self, aggregate: Import) -> dict[str, object]:
        """Write an import as a row; the lease's end belongs to the heartbeat and is not written."""
        own = {
            entry.name: getattr(aggregate, entry.name) for entry in fields(aggregate) if entry.name not in WORK_FIELDS
        }
        return {
            **own,
            "format": aggregate.format.value,
            "source": asdict(aggregate.source),
            "options": asdict(aggregate.options),
            **aggregate.work_values(),
        }

    def from_row(self, row: RowMapping) -> Import:
        """Read an import from a row."""
        values = {name: value for name, value in row.items() if name not in WORK_FIELDS}
        return Import(
            **{
                **values,
                "format": Format(values["format"]),
                "source": Stored(**values["source"]),
                "options": ReadOptions(**values["options"]),
            },
            **Import.work_fields(row),  # type: ignore[arg-type]  # the columns have the fields' types
        )

    async def of_dataset(self, scope: Scope, dataset_id: UUID, *, lock: bool = False) -> Import:
        """Return the import of a dataset, or raise `NotFoundError`."""
        found = await self.first(scope, tables.imports.c.dataset_id == dataset_id, lock=lock)
        if found is None:
            raise NotFoundError(f"There is no import of dataset {dataset_id} in this project.")
        return found


def _content(found: dict[str, object]) -> Normalised:
    return Normalised(
        rows=found["rows"],  # type: ignore[arg-type]  # written by to_row
        columns=tuple(Column(**column) for column in found["columns"]),  # type: ignore[attr-defined]
        parquet=Stored(**found["parquet"]),  # type: ignore[arg-type]
        profile=Stored(**found["profile"]),  # type: ignore[arg-type]
        summary=found["summary"],  # type: ignore[arg-type]
    )
