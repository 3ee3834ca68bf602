"""Replicas of one deployment: they count where they serve, and hold back nobody else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import orjson
import pytest
from pydantic import ValidationError
from skyulf_events import ArtifactRef, DeploymentTarget, ModelDeployed
from skyulf_inference.domain.errors import DeploymentNotReadyError
from skyulf_inference.main import SERVICE
from skyulf_inference.runtime.artifacts import ArtifactLoader
from skyulf_inference.runtime.models import ModelShelf
from skyulf_inference.service.predict import Predictor
from skyulf_inference.service.reconcile import Reconciler
from skyulf_inference.settings import InferenceSettings
from skyulf_service.objects.cache import BlobCache
from skyulf_service.signing.keys import PublicKeys
from skyulf_service.testing.services import running_service


@asynccontextmanager
async def dedicated(inference, cache: Path, deployment: UUID, digest: str | None = None) -> AsyncIterator[ModelShelf]:
    """One more api process that serves one deployment only; gives what it holds."""
    parts, shelf = inference.parts, ModelShelf()
    loader = ArtifactLoader(parts.objects, BlobCache(cache, 1 << 30), lambda: PublicKeys.load(parts.keys_dir))
    settings = parts.settings.model_copy(update={"only_deployment": deployment, "only_digest": digest})
    running = asyncio.create_task(Reconciler(parts.uows, shelf, loader, settings).run())
    try:
        yield shelf
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def wish(project: UUID, artifact: ArtifactRef, name: str, deployment: UUID, revision: int = 1) -> ModelDeployed:
    target = DeploymentTarget(model_id=uuid4(), model=name, version=revision, version_id=uuid4(), artifact=artifact)
    return ModelDeployed(
        event_id=uuid4(), project_id=project, aggregate_version=revision * 2, occurred_at=datetime.now(UTC),
        deployment_id=deployment, name=name, revision=revision, targets=(target,),
    )  # fmt: skip


async def said(inference, count: int) -> list[tuple[str, str, int]]:
    """(deployment, what is observed, on how many replicas) of the first announcements."""
    async with asyncio.timeout(30):
        while len(rows := await inference.published()) < count:
            await asyncio.sleep(0.02)
    bodies = [(row.type.split(".")[-2], orjson.loads(row.body)) for row in rows]
    return [(body["name"], status, body.get("replicas", 0)) for status, body in bodies]


async def test_a_dedicated_replica_counts_for_its_own_deployment_only(inference, publish, bundle, tmp_path):
    artifact, own, other = await publish(bundle), uuid4(), uuid4()

    async with dedicated(inference, tmp_path / "own", own) as shelf:
        await inference.deliver(wish(inference.project, artifact, "own", own))
        first = await said(inference, 1)
        await inference.deliver(wish(inference.project, artifact, "other", other))
        second = await said(inference, 2)
        held = shelf.get(inference.project, "own"), shelf.get(inference.project, "other")
    third = await said(inference, 3)

    assert first == [("own", "ready", 2)]
    assert second[1:] == [("other", "ready", 1)]
    assert third[2:] == [("own", "ready", 1)]
    assert held[0] is not None
    assert held[1] is None


async def test_one_that_is_pinned_holds_back_no_other_version_and_goes_on_with_its_own(
    inference, publish, opposites, tmp_path
):
    first, second = [await publish(each) for each in opposites]
    own = uuid4()

    async with dedicated(inference, tmp_path / "own", own, first.digest) as shelf:
        await inference.deliver(wish(inference.project, first, "own", own))
        before = await said(inference, 1)
        await inference.deliver(wish(inference.project, second, "own", own, revision=2))
        after = await said(inference, 2)
        kept = shelf.get(inference.project, "own")
        answer = (await inference.client.get("/api/v1/deployments/own/replicas")).json()

    assert before == [("own", "ready", 2)]
    assert after[1:] == [("own", "ready", 1)]
    assert kept is not None
    assert kept.revision == 1
    assert (answer["live"], len(answer["items"])) == (1, 1)


async def test_one_that_is_pinned_leaves_predictions_to_others_once_its_deployment_names_another_version(
    inference, publish, opposites, tmp_path
):
    first, second = [await publish(each) for each in opposites]
    own = uuid4()

    async with dedicated(inference, tmp_path / "own", own, first.digest) as shelf:
        predictor = Predictor(shelf, max_rows=10)
        await inference.deliver(wish(inference.project, first, "own", own))
        await said(inference, 1)
        before = await predictor.live(inference.project, "own", others=True)
        await inference.deliver(wish(inference.project, second, "own", own, revision=2))
        await said(inference, 2)
        async with asyncio.timeout(10):
            while not shelf.outdated:
                await asyncio.sleep(0.02)
        with pytest.raises(DeploymentNotReadyError) as refused:
            await predictor.live(inference.project, "own", others=True)
        with pytest.raises(DeploymentNotReadyError):  # made anew under its name, say
            await predictor.live(inference.project, "not its own", others=True)
        direct = await predictor.live(inference.project, "own")

    assert (before.revision, direct.revision) == (1, 1)
    assert refused.value.elsewhere


async def test_a_dedicated_replica_that_cannot_load_fails_its_deployment_and_no_other(
    inference, publish, bundle, tmp_path
):
    artifact, own, other = await publish(bundle), uuid4(), uuid4()
    await inference.deliver(wish(inference.project, artifact, "other", other))
    await said(inference, 1)
    store = inference.parts.objects("skyulf-pipeline")
    await inference.deliver(wish(inference.project, artifact, "own", own))
    await said(inference, 2)
    await store.delete(artifact.key)

    async with dedicated(inference, tmp_path / "own", own):
        found = await said(inference, 3)

    assert found[2][:2] == ("own", "failed")


async def test_a_dedicated_process_is_ready_once_it_holds_its_model(inference, publish, bundle, tmp_path):
    own = uuid4()
    artifact = await publish(bundle)
    async with running_service(
        SERVICE, database_url=f"sqlite+aiosqlite:///{tmp_path / 'alone.sqlite3'}", home=tmp_path, only_deployment=own
    ) as alone:
        async with asyncio.timeout(10):
            empty = await alone.client.get("/readyz")
            await alone.deliver(wish(alone.project, artifact, "other", uuid4()))
            await asyncio.sleep(0.5)
            still = await alone.client.get("/readyz")
            project = inference.project  # the artifact's
            await alone.deliver(wish(project, artifact, "own", own))
            while (found := await alone.client.get("/readyz")).status_code != 200:
                await asyncio.sleep(0.05)

    assert empty.json()["failing"] == {"model": "not ready"}
    assert still.status_code == 503
    assert found.json()["status"] == "ready"


def test_a_digest_is_of_one_deployment():
    with pytest.raises(ValidationError, match="SKYULF_INFERENCE_ONLY_DEPLOYMENT"):
        InferenceSettings(only_digest="ab" * 32)
