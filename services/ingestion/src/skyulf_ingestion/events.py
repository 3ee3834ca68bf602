"""From ingestion's aggregates to its published contracts."""

from dataclasses import asdict

from skyulf_events import (
    ColumnField,
    DatasetCreated,
    DatasetDeleted,
    DatasetFailed,
    DatasetProfiled,
    Failure,
    ObjectRef,
    ProfileSummary,
)
from skyulf_service.ids import new_id, utc_now

from skyulf_ingestion.domain.datasets import Dataset, DatasetStatus, Normalised


def dataset_created(dataset: Dataset) -> DatasetCreated:
    """Announce that an upload was accepted."""
    return DatasetCreated(
        event_id=new_id(),
        project_id=dataset.project_id,
        aggregate_version=dataset.version,
        occurred_at=utc_now(),
        dataset_id=dataset.id,
        name=dataset.name,
        version=dataset.number,
        format=dataset.format.value,
        bytes=dataset.source.size,
    )


def dataset_profiled(dataset: Dataset, content: Normalised) -> DatasetProfiled:
    """Announce that a dataset can be used."""
    return DatasetProfiled(
        event_id=new_id(),
        project_id=dataset.project_id,
        aggregate_version=dataset.version,
        occurred_at=utc_now(),
        dataset_id=dataset.id,
        name=dataset.name,
        version=dataset.number,
        format=dataset.format.value,
        columns=tuple(ColumnField(**asdict(column)) for column in content.columns),
        rows=content.rows,
        bytes=dataset.source.size,
        parquet=ObjectRef(**asdict(content.parquet)),
        profile=ObjectRef(**asdict(content.profile)),
        summary=ProfileSummary.model_validate(content.summary),
    )


def dataset_failed(dataset: Dataset) -> DatasetFailed:
    """Announce that an upload cannot become a dataset, or was cancelled."""
    return DatasetFailed(
        event_id=new_id(),
        project_id=dataset.project_id,
        aggregate_version=dataset.version,
        occurred_at=utc_now(),
        dataset_id=dataset.id,
        name=dataset.name,
        version=dataset.number,
        status="cancelled" if dataset.status is DatasetStatus.CANCELLED else "failed",
        error=Failure(code=dataset.error_code or "failed", message=dataset.error_message or ""),
    )


def dataset_deleted(dataset: Dataset) -> DatasetDeleted:
    """Announce that a dataset is gone; its version counts one further than the last one saved."""
    return DatasetDeleted(
        event_id=new_id(),
        project_id=dataset.project_id,
        aggregate_version=dataset.version + 1,
        occurred_at=utc_now(),
        dataset_id=dataset.id,
        name=dataset.name,
        version=dataset.number,
    )
