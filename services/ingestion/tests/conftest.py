import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from skyulf_ingestion.main import SERVICE
from skyulf_ingestion.persistence.unit_of_work import IngestionUnitOfWork
from skyulf_service.testing.services import RunningService, running_service

Ingestion = RunningService[IngestionUnitOfWork]
DATASETS = "/api/v1/datasets"


@pytest.fixture
async def ingestion(database_url: str, tmp_path: Path) -> AsyncIterator[Ingestion]:
    async with running_service(
        SERVICE, database_url=database_url, home=tmp_path, max_upload_bytes=4 << 20, lease_seconds=6
    ) as running:
        yield running


@pytest.fixture
async def runner(ingestion: Ingestion) -> AsyncIterator[None]:
    """The supervisor and its real children."""
    supervisor = SERVICE.runner(ingestion.parts)
    running = asyncio.create_task(supervisor.run())
    yield
    supervisor.stop()
    await running


@pytest.fixture
def upload(ingestion: Ingestion):
    async def send(data: bytes, *, query: str = "name=table", content_type: str = "text/csv", **headers: str):
        return await ingestion.client.post(
            f"{DATASETS}?{query}", content=data, headers={"Content-Type": content_type, **headers}
        )

    return send


@pytest.fixture
def settled(ingestion: Ingestion):
    async def wait(dataset_id: str) -> dict[str, object]:
        async with asyncio.timeout(180):
            while True:
                response = await ingestion.client.get(f"{DATASETS}/{dataset_id}")
                # a busy machine may answer 503, whose body has a status of its own
                if response.status_code != 503 and response.json()["status"] != "processing":
                    return response.json()
                await asyncio.sleep(0.05)

    return wait
