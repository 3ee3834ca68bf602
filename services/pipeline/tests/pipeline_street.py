"""What the tests of the pipeline service share: the service with a folder of objects, datasets, callers, waiting."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from time import monotonic
from uuid import UUID

import httpx
import polars as pl
from fastapi import FastAPI
from palmerpenguins import load_penguins
from pydantic import SecretStr
from skyulf_core import Schema
from skyulf_events import (
    EVENTS_BY_TYPE,
    ColumnField,
    DatasetCreated,
    DatasetDeleted,
    DatasetFailed,
    DatasetProfiled,
    Event,
    Failure,
    ObjectRef,
    ProfileSummary,
)
from skyulf_pipeline.main import SERVICE, runner, worker_tasks
from skyulf_pipeline.persistence.tables import messaging
from skyulf_pipeline.persistence.unit_of_work import PipelineUnitOfWork
from skyulf_pipeline.settings import PipelineSettings
from skyulf_service.composition import Parts
from skyulf_service.ids import new_id, utc_now
from skyulf_service.messaging.policy import Delivery
from skyulf_service.objects.blobs import Blobs
from skyulf_service.scope import Scope
from skyulf_service.settings import SharedSettings
from skyulf_service.signing.keys import load_or_create
from skyulf_service.signing.tokens import InternalTokenIssuer
from skyulf_service.testing.records import record_of_event
from sqlalchemy import select

PROJECT = UUID("0198c5a0-0000-7000-8000-000000000001")
OTHER_PROJECT = UUID("0198c5a0-0000-7000-8000-000000000002")
EVERYTHING = frozenset({"pipelines:read", "pipelines:write", "pipelines:delete", "jobs:read", "jobs:run"})
Json = dict[str, object]


def penguins_config(**model: object) -> Json:
    """A pipeline that learns penguins' species."""
    return {
        "steps": [
            {"node": "TrainTestSplit", "config": {"target": "species", "test_size": 0.25, "random_state": 7}},
            {"node": "SimpleImputer", "config": {"strategy": "most_frequent"}},
            {"node": "OneHotEncoder", "config": {"columns": ["island", "sex"]}},
        ],
        "model": {"node": "hist_gradient_boosting_classifier", "config": {"max_iter": 20, **model}},
    }


def penguins() -> pl.DataFrame:
    """344 penguins, some of them with nulls."""
    frame: pl.DataFrame = pl.from_pandas(load_penguins())
    return frame


@dataclass
class Street:
    """A pipeline service with its surroundings."""

    app: FastAPI
    parts: Parts[PipelineUnitOfWork]
    gateway: InternalTokenIssuer
    delivery: Delivery[PipelineUnitOfWork]
    clients: list[httpx.AsyncClient] = field(default_factory=list)

    def caller(
        self, *, project: UUID | None = PROJECT, permissions: frozenset[str] = EVERYTHING, subject: str = "user:ada"
    ) -> httpx.AsyncClient:
        """A client with an identity, as the gateway forwards it."""
        token = self.gateway.mint("pipeline", Scope(project, subject, permissions))
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.app, raise_app_exceptions=False),
            base_url="http://pipeline",
            headers={"Authorization": f"Bearer {token}"},
        )
        self.clients.append(client)
        return client

    async def deliver(self, *events: Event) -> None:
        """Let the service's consumers have events."""
        await self.delivery.process([record_of_event(event) for event in events])

    async def events(self, kind: type[Event] | None = None) -> list[Event]:
        """What the service has put into its outbox, in order."""
        async with self.parts.database.read() as connection:
            rows = (
                (await connection.execute(select(messaging.outbox).order_by(messaging.outbox.c.seq))).mappings().all()
            )

        found = [EVENTS_BY_TYPE[row["type"]].model_validate_json(row["body"]) for row in rows]
        return [event for event in found if kind is None or isinstance(event, kind)]

    async def dataset(self, frame: pl.DataFrame, *, name: str = "penguins", project: UUID = PROJECT) -> DatasetProfiled:
        """Store a frame as ingestion would, and let the service know of it."""
        event = await self.profiled(frame, name=name, project=project)
        await self.deliver(event)
        return event

    async def profiled(
        self, frame: pl.DataFrame, *, name: str = "penguins", project: UUID = PROJECT
    ) -> DatasetProfiled:
        """Store a frame as ingestion would; nobody has heard of it yet."""
        data = io.BytesIO()
        frame.write_parquet(data)
        ref = await Blobs(self.parts.objects("skyulf-ingestion")).put_bytes(data.getvalue())
        parquet = ObjectRef(bucket="skyulf-ingestion", key=ref.key, sha256=ref.sha256, size=ref.size)
        return profiled(
            columns=[ColumnField(name=c.name, type=c.dtype, nullable=c.nullable) for c in Schema.from_frame(frame)],
            rows=frame.height,
            parquet=parquet,
            name=name,
            project=project,
        )

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Run a real supervisor and the sweeper, each job in real children."""
        supervisor = runner(self.parts)
        tasks = [asyncio.create_task(supervisor.run(), name="supervisor")]
        tasks += [asyncio.create_task(run(), name=name) for name, run in worker_tasks(self.parts)]
        try:
            yield
        finally:
            supervisor.stop()
            for task in tasks[1:]:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def queued(self, *, config: Json | None = None, frame: pl.DataFrame | None = None) -> Json:
        """Make a pipeline and a dataset, and queue a run."""
        client = self.caller()
        created = await client.post(
            "/api/v1/pipelines", json={"name": "Penguins", "config": config or penguins_config()}
        )
        assert created.status_code == 201, created.text
        event = await self.dataset(penguins() if frame is None else frame)
        answer = await client.post(
            f"/api/v1/pipelines/{created.json()['id']}/runs", json={"dataset_id": str(event.dataset_id)}
        )
        assert answer.status_code == 202, answer.text
        job: Json = answer.json()
        return job

    async def job(self, job_id: object) -> Json:
        """The job as the API shows it."""
        found: Json = (await self.caller().get(f"/api/v1/jobs/{job_id}")).json()
        return found

    async def until(self, job_id: object, *statuses: str, seconds: float = 120) -> Json:
        """Wait until a job has one of the statuses."""
        end = monotonic() + seconds
        while (job := await self.job(job_id))["status"] not in statuses:
            if monotonic() > end:
                raise AssertionError(f"the job is still {json.dumps(job)}")
            await asyncio.sleep(0.1)
        return job


@asynccontextmanager
async def open_street(url: str, home: Path, **changes: object) -> AsyncIterator[Street]:
    """Open the service on an empty database; ``changes`` replace settings."""
    values: dict[str, object] = {
        "shared": SharedSettings(home=home, profile="testing"),
        "database_url": SecretStr(url),
        "job_lease": timedelta(seconds=6),
        "sweep_seconds": 0.2,
        "job_memory_bytes": 4 << 30,
    }
    settings = PipelineSettings.model_validate({**values, **changes})
    gateway = load_or_create(settings.shared.keys_folder, "gateway")
    parts = SERVICE.open(settings)
    await SERVICE.prepare(parts)
    street = Street(SERVICE.create_api(parts), parts, InternalTokenIssuer(gateway, "gateway"), SERVICE.delivery(parts))
    try:
        yield street
    finally:
        for client in street.clients:
            await client.aclose()
        await parts.close()


REF = ObjectRef(bucket="skyulf-ingestion", key="blobs/sha256/00/" + "0" * 64, sha256="0" * 64, size=1)


def profiled(
    *,
    columns: Sequence[ColumnField] = (),
    rows: int = 0,
    parquet: ObjectRef = REF,
    dataset_id: UUID | None = None,
    version: int = 1,
    order: int = 2,
    name: str = "penguins",
    project: UUID = PROJECT,
) -> DatasetProfiled:
    """The event that a version of a dataset is ready."""
    return DatasetProfiled(
        event_id=new_id(),
        project_id=project,
        aggregate_version=order,
        occurred_at=utc_now(),
        dataset_id=dataset_id or new_id(),
        name=name,
        version=version,
        format="csv",
        columns=tuple(columns),
        rows=rows,
        bytes=parquet.size,
        parquet=parquet,
        profile=parquet,
        summary=ProfileSummary(rows=rows, columns=len(columns), missing_cells=0, warnings=0),
    )


def created(dataset_id: UUID, *, version: int = 1, order: int = 1) -> DatasetCreated:
    """The event that a version of a dataset is on its way."""
    return DatasetCreated(
        event_id=new_id(),
        project_id=PROJECT,
        aggregate_version=order,
        occurred_at=utc_now(),
        dataset_id=dataset_id,
        name="penguins",
        version=version,
        format="csv",
        bytes=10,
    )


def failed(dataset_id: UUID, *, version: int = 1, order: int = 2) -> DatasetFailed:
    """The event that a version of a dataset will never be ready."""
    return DatasetFailed(
        event_id=new_id(),
        project_id=PROJECT,
        aggregate_version=order,
        occurred_at=utc_now(),
        dataset_id=dataset_id,
        name="penguins",
        version=version,
        status="failed",
        error=Failure(code="bad-csv", message="Line 7 has 9 fields instead of 8."),
    )


def deleted(dataset_id: UUID, *, version: int, order: int) -> DatasetDeleted:
    """The event that a dataset is gone."""
    return DatasetDeleted(
        event_id=new_id(),
        project_id=PROJECT,
        aggregate_version=order,
        occurred_at=utc_now(),
        dataset_id=dataset_id,
        name="penguins",
        version=version,
    )
