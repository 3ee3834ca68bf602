"""Wishes that the broker never delivered are read from registry itself."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from harness.promises import Figures
from skyulf_events import ArtifactRef, DeploymentTarget, ModelDeployed, ModelUndeployed
from skyulf_inference.domain.serving import Desired
from skyulf_inference.main import SERVICE, worker_background
from skyulf_inference.persistence.tables import messaging
from skyulf_inference.service.desired import SYSTEM
from skyulf_service.settings import SharedSettings
from skyulf_service.testing.neighbours import in_background, neighbour
from skyulf_service.testing.services import running_service
from sqlalchemy import select


def deployed(project: UUID, name: str, *, order: int = 2) -> ModelDeployed:
    artifact = ArtifactRef(bucket="skyulf-pipeline", key="k", digest="ab" * 32, size=100)
    target = DeploymentTarget(model_id=uuid4(), model="flights", version=1, version_id=uuid4(), artifact=artifact)
    return ModelDeployed(
        event_id=uuid4(), project_id=project, aggregate_version=order, occurred_at=datetime.now(UTC),
        deployment_id=uuid4(), name=name, revision=1, targets=(target,),
    )  # fmt: skip


@pytest.mark.promise("R15")
async def test_what_nobody_told_of_is_wanted_once_registry_can_be_asked(
    database_url: str, tmp_path: Path, figures: Figures
) -> None:
    project = uuid4()
    kept, ended = deployed(project, "kept"), deployed(project, "ended")
    end = ModelUndeployed(
        event_id=uuid4(), project_id=project, aggregate_version=3, occurred_at=datetime.now(UTC),
        deployment_id=ended.deployment_id, name="ended", revision=2,
    )  # fmt: skip
    async with neighbour("registry", keys=tmp_path / "keys", folder=tmp_path) as registry:
        shared = SharedSettings(home=tmp_path, profile="testing", form="distributed", registry_url=registry.url)
        async with running_service(
            SERVICE, database_url=database_url, home=tmp_path, shared=shared, catch_up_seconds=0.05
        ) as inference:
            await inference.deliver(ended)
            await registry.lose([kept, ended, end])
            async with in_background(worker_background(inference.parts)):
                assert await _wanted(inference) == {"ended": Desired.ACTIVE}, "registry is away, which stops nothing"
                async with registry.answering(), asyncio.timeout(20):
                    while len(await _handled(inference)) < 3:
                        await asyncio.sleep(0.02)

            assert await _wanted(inference) == {"kept": Desired.ACTIVE, "ended": Desired.STOPPED}
            assert sorted(await _handled(inference)) == sorted(event.event_id for event in (kept, ended, end))
    figures("inference: 2 of 3 wishes missed, all read from registry")


async def _wanted(inference) -> dict[str, Desired]:
    async with inference.parts.uows.read() as uow:
        return {serving.name: serving.desired for serving in (await uow.servings.list(SYSTEM, limit=10)).items}


async def _handled(inference) -> list[UUID]:
    async with inference.parts.database.read() as connection:
        return list(await connection.scalars(select(messaging.inbox.c.event_id)))
