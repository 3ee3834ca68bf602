"""Events that the broker never delivered are read from pipeline and inference themselves."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from harness.promises import Figures
from skyulf_events import DeploymentReady
from skyulf_registry.main import SERVICE, worker_background
from skyulf_service.settings import SharedSettings
from skyulf_service.testing.neighbours import Neighbour, in_background, neighbour
from skyulf_service.testing.services import running_service

MODELS = "/api/v1/models"
DEPLOYMENTS = "/api/v1/deployments"


@pytest.fixture
async def neighbours(tmp_path: Path) -> AsyncIterator[dict[str, Neighbour]]:
    async with AsyncExitStack() as stack:
        yield {
            name: await stack.enter_async_context(neighbour(name, keys=tmp_path / "keys", folder=tmp_path))
            for name in ("pipeline", "inference")
        }


@pytest.fixture
async def registry(database_url: str, tmp_path: Path, neighbours: dict[str, Neighbour]):
    shared = SharedSettings(
        home=tmp_path, profile="testing", form="distributed",
        pipeline_url=neighbours["pipeline"].url, inference_url=neighbours["inference"].url,
    )  # fmt: skip
    async with running_service(
        SERVICE, database_url=database_url, home=tmp_path, shared=shared, catch_up_seconds=0.05
    ) as running:
        yield running


@pytest.mark.promise("R15")
async def test_a_model_whose_job_nobody_told_of_is_registered_once(
    registry, neighbours, job_completed, figures: Figures
):
    pipeline, jobs = neighbours["pipeline"], [job_completed("first"), job_completed("second"), job_completed("third")]
    await registry.deliver(jobs[0])
    await pipeline.lose(jobs[:2])
    async with pipeline.answering():
        async with in_background(worker_background(registry.parts)):
            await _until(registry, f"{MODELS}/second", "latest_version", 1)
        await pipeline.lose(jobs[2:])
        async with in_background(worker_background(registry.parts)):  # a new worker begins at the beginning
            await _until(registry, f"{MODELS}/third", "latest_version", 1)

    found = (await registry.client.get(MODELS)).json()["items"]
    assert {model["name"]: model["latest_version"] for model in found} == {"first": 1, "second": 1, "third": 1}
    figures(f"registry: 2 of {len(jobs)} jobs missed, {len(found)} models registered, none twice")


@pytest.mark.promise("R15")
async def test_a_deployment_whose_readiness_nobody_told_of_becomes_ready_when_inference_is_back(
    registry, neighbours, job_completed, figures: Figures
):
    await registry.deliver(job_completed())
    wanted = await registry.client.post(DEPLOYMENTS, json={"name": "flights", "model": "late-flights"})
    ready = DeploymentReady(
        event_id=uuid4(), project_id=registry.project, aggregate_version=2, occurred_at=datetime.now(UTC),
        serving_id=uuid4(), deployment_id=UUID(wanted.json()["id"]), name="flights", revision=1, replicas=2,
        digest="ab" * 32, model="late-flights", model_version=1,
    )  # fmt: skip
    pipeline, inference = neighbours["pipeline"], neighbours["inference"]
    await inference.lose([ready])
    await pipeline.lose([job_completed("second")])

    async with in_background(worker_background(registry.parts)):
        async with pipeline.answering():
            await _until(registry, f"{MODELS}/second", "latest_version", 1)  # inference is away and stops nobody
        assert (await registry.client.get(f"{DEPLOYMENTS}/flights")).json()["status"] == "pending"
        async with inference.answering():
            began = time.monotonic()
            await _until(registry, f"{DEPLOYMENTS}/flights", "status", "ready")
    figures(f"registry: a missed readiness known {time.monotonic() - began:.1f} s after inference is back")


async def _until(registry, path: str, field: str, value: object) -> None:
    async with asyncio.timeout(20):
        while (await registry.client.get(path)).json().get(field) != value:
            await asyncio.sleep(0.02)
