from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from skyulf_events import ArtifactRef, DatasetPin, JobCompleted, PipelinePin
from skyulf_registry.main import SERVICE
from skyulf_registry.persistence.unit_of_work import RegistryUnitOfWork
from skyulf_service.testing.services import RunningService, running_service

Registry = RunningService[RegistryUnitOfWork]


@pytest.fixture
async def registry(database_url: str, tmp_path: Path) -> AsyncIterator[Registry]:
    async with running_service(SERVICE, database_url=database_url, home=tmp_path) as running:
        yield running


@pytest.fixture
def job_completed(registry: Registry):
    def make(name: str = "late-flights", *, status: str = "succeeded", project: UUID | None = None) -> JobCompleted:
        now = datetime.now(UTC)
        ok = status == "succeeded"
        return JobCompleted(
            event_id=uuid4(), project_id=project or registry.project, aggregate_version=3, occurred_at=now,
            job_id=uuid4(), kind="train", pipeline=PipelinePin(pipeline_id=uuid4(), version=2), pipeline_name="Flights",
            dataset=DatasetPin(dataset_id=uuid4(), version=1), attempt=1, register_as=name, queued_at=now,
            status=status, finished_at=now,
            task="classification" if ok else None, target="late" if ok else None, estimator="logistic_regression",
            framework="scikit-learn", metrics={"roc_auc": 0.75} if ok else {},
            artifact=ArtifactRef(bucket="skyulf-pipeline", key="k", digest="ab" * 32, size=100) if ok else None,
        )  # fmt: skip

    return make
