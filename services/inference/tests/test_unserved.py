"""How many deployments nobody answers for, as the worker counts it."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY
from pydantic import SecretStr
from skyulf_inference.main import SERVICE
from skyulf_inference.persistence import tables
from skyulf_inference.persistence.unit_of_work import InferenceUnitOfWork
from skyulf_inference.service.measuring import replicas_of
from skyulf_service.composition import Parts
from skyulf_service.ids import utc_now
from skyulf_service.settings import SharedSettings

Opened = Parts[InferenceUnitOfWork]


@pytest.fixture
async def parts(database_url: str, tmp_path: Path) -> AsyncIterator[Opened]:
    """Inference's database, in which nobody works."""
    settings = SERVICE.settings(shared=SharedSettings(home=tmp_path), database_url=SecretStr(database_url))
    parts = SERVICE.open(settings)
    await SERVICE.prepare(parts)
    yield parts
    await parts.close()


async def wanted(parts: Opened, desired: str = "active") -> tuple[UUID, UUID]:
    """A deployment: the ids of its serving and of itself."""
    serving, deployment, now = uuid4(), uuid4(), utc_now()
    row = {
        "id": serving, "project_id": uuid4(), "deployment_id": deployment, "name": "flights", "revision": 2,
        "desired_order": 2, "desired": desired, "status": "pending", "replicas": 0, "version": 1,
        "created_at": now, "updated_at": now,
    }  # fmt: skip
    async with parts.database.begin() as connection:
        await connection.execute(tables.servings.insert().values(row))
    return serving, deployment


async def replica(
    parts: Opened, serving: UUID, *, lives: bool = True, answers: int | None = None, only: UUID | None = None
) -> None:
    """A replica that says something of a serving."""
    now = utc_now()
    ends = now + (timedelta(hours=1) if lives else -timedelta(hours=1))
    row = {"id": uuid4(), "started_at": now, "expires_at": ends, "only_deployment_id": only}
    said = {
        "replica_id": row["id"], "serving_id": serving, "revision": 2, "status": "failed",
        "serving_revision": answers, "updated_at": now,
    }  # fmt: skip
    async with parts.database.begin() as connection:
        await connection.execute(tables.replicas.insert().values(row))
        await connection.execute(tables.replica_states.insert().values(said))


async def counted(parts: Opened) -> tuple[float | None, float | None]:
    await replicas_of(parts.uows)()
    value = REGISTRY.get_sample_value
    return value("skyulf_inference_replicas"), value("skyulf_deployments_unserved")


async def test_a_dedicated_replica_does_not_hide_that_others_are_gone(parts: Opened) -> None:
    shared, _ = await wanted(parts)
    own, deployment = await wanted(parts)
    await replica(parts, own, answers=2, only=deployment)
    await replica(parts, shared, lives=False, answers=2)

    assert await counted(parts) == (1, 1)


async def test_a_model_that_cannot_be_loaded_is_answered_by_nobody_unless_an_older_one_is(parts: Opened) -> None:
    failed, _ = await wanted(parts)
    older, _ = await wanted(parts)
    await wanted(parts, "stopped")
    await replica(parts, failed)
    await replica(parts, older, answers=1)

    assert await counted(parts) == (2, 1)
