"""What is said of a deployment follows the replicas, also after it was ready once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import orjson
import pytest
from skyulf_inference.domain.serving import (
    Artifact,
    Desired,
    ReplicaState,
    ReplicaStatus,
    Serving,
    ServingStatus,
    Target,
)
from skyulf_inference.main import replica
from skyulf_inference.persistence.tables import replicas
from skyulf_inference.runtime.artifacts import ArtifactLoader
from skyulf_inference.runtime.models import ModelShelf
from skyulf_inference.service.announce import Announcer
from skyulf_inference.service.reconcile import Reconciler
from skyulf_service.database.types import database_now
from skyulf_service.objects.cache import BlobCache
from skyulf_service.signing.keys import PublicKeys

BUCKET = "skyulf-pipeline"


@asynccontextmanager
async def another_replica(inference, cache: Path) -> AsyncIterator[None]:
    """One more api process, as far as inference can tell: its own models, its own disk."""
    parts = inference.parts
    loader = ArtifactLoader(parts.objects, BlobCache(cache, 1 << 30), lambda: PublicKeys.load(parts.keys_dir))
    running = asyncio.create_task(Reconciler(parts.uows, ModelShelf(), loader, parts.settings).run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_replica_that_cannot_load_after_a_restart_is_told_of_once_and_so_is_its_end(
    inference, publish, deploy, announced, bundle, tmp_path
):
    artifact = await publish(bundle)
    await deploy(artifact)
    assert await announced(1) == ["ready"]
    store = inference.parts.objects(BUCKET)
    data = await store.get_bytes(artifact.key)
    await store.delete(artifact.key)

    async with another_replica(inference, tmp_path / "empty"):
        assert await announced(2) == ["ready", "failed"]
        for _ in range(3):
            await Announcer(inference.parts.uows).announce_all()
    assert await announced(3) == ["ready", "failed", "ready"]
    await store.put_bytes(artifact.key, data)
    async with another_replica(inference, tmp_path / "empty"):
        assert await announced(4) == ["ready", "failed", "ready", "ready"]
        for _ in range(3):
            await Announcer(inference.parts.uows).announce_all()
    await announced(5)

    said = [orjson.loads(row.body) for row in await inference.published()]
    assert [event["replicas"] for event in said] == [1, 2, 1, 2, 1]
    assert said[1]["error"]["code"] == "artifact-missing"
    assert said[1]["serving_revision"] == 1
    shelf, _, _ = replica(inference.parts)
    assert shelf.get(inference.project, "flights") is not None


@pytest.fixture
def serving() -> Serving:
    now = datetime.now(UTC)
    target = Target("flights", 1, uuid4(), Artifact(BUCKET, "k", "ab" * 32, 10))
    return Serving(uuid4(), uuid4(), uuid4(), "flights", 3, 6, Desired.ACTIVE, now, now, target)


def says(serving: Serving, status: str, code: str | None = None) -> ReplicaState:
    return ReplicaState(uuid4(), serving.id, serving.revision, ReplicaStatus(status), error_code=code)


def test_a_replica_that_is_still_loading_takes_nothing_back(serving):
    ready = says(serving, "ready")
    assert serving.judge(1, [ready])

    assert not serving.judge(2, [ready])
    assert (serving.status, serving.replicas) == (ServingStatus.READY, 1)
    assert serving.judge(2, [ready, says(serving, "ready")])
    assert serving.replicas == 2


def test_the_same_conclusion_is_drawn_once(serving):
    failed, ready = says(serving, "failed", "artifact-missing"), says(serving, "ready")

    assert [serving.judge(2, [failed, ready]) for _ in range(3)] == [True, False, False]
    assert not serving.judge(3, [failed, ready]), "one more that lives changes nothing of why it fails"
    assert serving.judge(3, [says(serving, "failed", "artifact-changed"), ready])
    assert [serving.judge(1, [ready]) for _ in range(3)] == [True, False, False]


def test_that_no_replica_lives_is_a_failure_only_after_a_while(serving):
    ready = says(serving, "ready")
    assert serving.judge(1, [ready])

    assert not serving.judge(0, [])
    assert serving.status is ServingStatus.READY
    assert [serving.judge(0, [], abandoned=True) for _ in range(2)] == [True, False]
    assert (serving.status, serving.replicas, serving.error_code) == (ServingStatus.FAILED, 0, "no-replicas")
    assert serving.judge(1, [ready])


async def test_a_deployment_without_replicas_is_announced_as_such_and_as_ready_when_one_is_back(
    inference, publish, deploy, announced, bundle
):
    await deploy(await publish(bundle))
    assert await announced(1) == ["ready"]
    announcer = Announcer(inference.parts.uows, alone_seconds=0)

    while len(await inference.published()) < 2:  # the replica may say in between that it lives
        async with inference.parts.database.begin() as connection:
            await connection.execute(replicas.update().values(expires_at=database_now(timedelta(seconds=-1))))
        await announcer.announce_all()

    assert await announced(3) == ["ready", "failed", "ready"]
