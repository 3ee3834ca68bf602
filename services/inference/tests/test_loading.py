"""Loads that meet: one digest in two projects, and a wish that is replaced while a request waits for it."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY
from skyulf_events import ArtifactRef, DeploymentTarget, ModelDeployed
from skyulf_inference.domain.errors import DeploymentNotReadyError, DeploymentUnknownError
from skyulf_inference.main import replica
from skyulf_inference.runtime.models import ModelShelf
from skyulf_inference.service.predict import Predictor
from skyulf_inference.service.reconcile import Reconciler

BUCKET = "skyulf-pipeline"
PREDICT = "/api/v1/deployments/flights/predict"
ROW = {"row": {"a": 1.0, "b": "x"}}


def wish(project: UUID, artifact: ArtifactRef) -> ModelDeployed:
    target = DeploymentTarget(model_id=uuid4(), model="flights", version=1, version_id=uuid4(), artifact=artifact)
    return ModelDeployed(
        event_id=uuid4(), project_id=project, aggregate_version=2, occurred_at=datetime.now(UTC),
        deployment_id=uuid4(), name="flights", revision=1, targets=(target,),
    )  # fmt: skip


async def replicas_of(inference, project: UUID) -> list[dict[str, object]]:
    headers = inference.headers(project)
    return (await inference.client.get("/api/v1/deployments/flights/replicas", headers=headers)).json()["items"]


async def test_a_loaded_bundle_of_another_project_is_refused_as_well(inference, publish, deploy, announced, bundle):
    artifact, stranger = await publish(bundle), uuid4()
    await deploy(artifact)
    assert await announced(1) == ["ready"]

    await inference.deliver(wish(stranger, artifact))

    assert await announced(2) == ["ready", "failed"]
    assert [said["error_code"] for said in await replicas_of(inference, stranger)] == ["artifact-foreign"]
    refused = await inference.client.post(PREDICT, json=ROW, headers=inference.headers(stranger))
    assert refused.status_code == 503
    assert (await inference.client.post(PREDICT, json=ROW)).status_code == 200


async def test_who_asks_for_a_foreign_bundle_at_the_same_time_does_not_spoil_it_for_its_owner(
    inference, publish, announced, bundle
):
    artifact, stranger = await publish(bundle), uuid4()

    await inference.deliver(wish(stranger, artifact), wish(inference.project, artifact))

    assert sorted(await announced(2)) == ["failed", "ready"]
    assert [said["status"] for said in await replicas_of(inference, inference.project)] == ["ready"]


@pytest.fixture
def patient(inference) -> tuple[ModelShelf, Reconciler, Predictor]:
    """One more replica, which is reconciled by hand and waits long for missing objects."""
    _, running, _ = replica(inference.parts)
    settings = inference.parts.settings.model_copy(update={"artifact_patience_seconds": 60})
    shelf = ModelShelf()
    reconciler = Reconciler(inference.parts.uows, shelf, running._loader, settings)
    return shelf, reconciler, Predictor(shelf, max_rows=10)


async def test_who_waits_for_a_cold_model_goes_on_waiting_when_a_newer_one_is_wanted(
    inference, publish, deploy, bundle, patient
):
    shelf, reconciler, predictor = patient
    artifacts = [await publish(bundle), await publish(bundle)]
    store = inference.parts.objects(BUCKET)
    data = await store.get_bytes(artifacts[1].key)
    for artifact in artifacts:
        await store.delete(artifact.key)
    await deploy(artifacts[0])
    await reconciler.reconcile()
    waiting = asyncio.create_task(predictor.live(inference.project, "flights"))
    ((_, first),) = reconciler._loads.values()

    await deploy(artifacts[1], revision=2, version=2)
    await reconciler.reconcile()
    await asyncio.wait([first])

    assert first.cancelled()
    assert (inference.project, "flights") in shelf.loading
    await store.put_bytes(artifacts[1].key, data)
    live = await waiting
    assert (live.revision, live.model_version) == (2, 2)


async def test_a_load_that_ends_badly_lets_go_of_who_waits(inference, publish, deploy, bundle, patient):
    shelf, reconciler, _ = patient
    artifact = await publish({**bundle, "plan.json": b"{}"})
    await deploy(artifact)
    await reconciler.reconcile()
    ((_, load),) = reconciler._loads.values()

    assert await shelf.wait_while_loading((inference.project, "flights"), 60) is None
    await load
    assert shelf.loading == set()


async def test_a_replica_is_ready_once_it_holds_what_was_wanted_before_it_began(
    inference, publish, deploy, announced, bundle, patient
):
    artifact = await publish(bundle)
    await deploy(artifact)
    assert await announced(1) == ["ready"]
    shelf, reconciler, _ = patient
    at_first = await reconciler.caught_up()

    await reconciler.reconcile()
    loading = await reconciler.caught_up()
    await shelf.wait_while_loading((inference.project, "flights"), 60)
    await reconciler.reconcile()

    assert (at_first, loading) == (False, False)
    assert await reconciler.caught_up()
    assert shelf.get(inference.project, "flights") is not None


async def test_a_replica_without_one_of_its_models_is_ready_for_the_others(inference, publish, deploy, bundle, patient):
    artifact = await publish({**bundle, "plan.json": b"{}"})
    await deploy(artifact)
    shelf, reconciler, _ = patient
    await reconciler.reconcile()

    await shelf.wait_while_loading((inference.project, "flights"), 60)
    await reconciler.reconcile()

    assert await reconciler.caught_up()


async def test_a_wish_that_comes_later_leaves_a_replica_ready(inference, publish, deploy, bundle, patient):
    _, reconciler, _ = patient
    await reconciler.reconcile()
    artifact = await publish(bundle)
    await inference.parts.objects(BUCKET).delete(artifact.key)
    await deploy(artifact)

    await reconciler.reconcile()

    assert await reconciler.caught_up()
    ((_, load),) = reconciler._loads.values()
    load.cancel()
    await asyncio.wait([load])


async def test_a_replica_that_has_not_looked_yet_refers_to_others(
    inference, publish, deploy, announced, bundle, patient
):
    artifact = await publish(bundle)
    await deploy(artifact)
    assert await announced(1) == ["ready"]
    _, reconciler, predictor = patient

    with pytest.raises(DeploymentNotReadyError, match="just begun") as refused:
        await predictor.live(inference.project, "flights")
    await reconciler.reconcile()

    assert refused.value.elsewhere
    assert (await predictor.live(inference.project, "flights")).deployment == "flights"
    with pytest.raises(DeploymentUnknownError):
        await predictor.live(inference.project, "others")


async def test_deployments_of_two_projects_count_as_two(inference, publish, announced, bundle):
    stranger = uuid4()
    theirs, ours = await publish(bundle, project=stranger), await publish(bundle)

    await inference.deliver(wish(stranger, theirs), wish(inference.project, ours))
    assert await announced(2) == ["ready", "ready"]

    async with asyncio.timeout(10):
        while REGISTRY.get_sample_value("skyulf_deployments_served") != 2:
            await asyncio.sleep(0.02)
