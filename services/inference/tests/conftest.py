import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import numpy as np
import polars as pl
import pytest
from skyulf_core import Pipeline
from skyulf_events import ArtifactRef, DeploymentTarget, ModelDeployed
from skyulf_inference.main import SERVICE
from skyulf_inference.persistence.unit_of_work import InferenceUnitOfWork
from skyulf_inference.service.announce import Announcer
from skyulf_service.objects.blobs import Blobs
from skyulf_service.signing.keys import SigningKey, load_or_create
from skyulf_service.signing.manifest import sign_manifest
from skyulf_service.testing.services import RunningService, running_service

Inference = RunningService[InferenceUnitOfWork]
BUCKET = "skyulf-pipeline"
CONFIG = {
    "steps": [
        {"node": "TrainTestSplit", "config": {"target": "y", "random_state": 1}},
        {"node": "SimpleImputer", "config": {"columns": ["a"], "strategy": "mean"}},
        {"node": "OneHotEncoder", "config": {"columns": ["b"]}},
    ],
    "model": {"node": "logistic_regression", "config": {}},
}


@pytest.fixture(scope="session")
def frame() -> pl.DataFrame:
    random = np.random.default_rng(7)
    a, b = random.normal(size=400), random.choice(["x", "y"], 400)
    y = np.where(a + (b == "x") + random.normal(size=400) > 0, "late", "on time")
    numbers = [None if index % 10 == 0 else float(value) for index, value in enumerate(a)]
    return pl.DataFrame({"a": numbers, "b": b, "y": y})


@pytest.fixture(scope="session")
def bundle(frame: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a fitted pipeline."""
    return files_of(Pipeline.from_config(CONFIG).fit(frame), tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="session")
def opposites(frame: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, bytes]]:
    """Two models that answer the opposite of each other wherever ``b`` is ``x``."""
    bundles = []
    for answer, other in (("late", "on time"), ("on time", "late")):
        decided = frame.with_columns(y=pl.when(pl.col("b") == "x").then(pl.lit(answer)).otherwise(pl.lit(other)))
        bundles.append(files_of(Pipeline.from_config(CONFIG).fit(decided), tmp_path_factory.mktemp("opposite")))
    return bundles


@pytest.fixture(scope="session")
def fit(frame: pl.DataFrame):
    """Fit the pipeline of these tests, with other keys in place of its own."""

    def fitted(data: pl.DataFrame | None = None, **changes: object) -> Pipeline:
        return Pipeline.from_config({**CONFIG, **changes}).fit(frame if data is None else data)

    return fitted


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory):
    """The files of a pipeline's bundle."""
    return lambda fitted: files_of(fitted, tmp_path_factory.mktemp("saved"))


def files_of(fitted: Pipeline, folder: Path) -> dict[str, bytes]:
    fitted.save(folder)
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture
async def inference(database_url: str, tmp_path: Path) -> AsyncIterator[Inference]:
    load_or_create(tmp_path / "keys", "pipeline")
    async with running_service(
        SERVICE, database_url=database_url, home=tmp_path, reconcile_seconds=0.02, artifact_patience_seconds=1
    ) as running:
        await running.parts.objects(BUCKET).ensure_bucket()
        announcing = asyncio.create_task(Announcer(running.parts.uows).run())
        yield running
        announcing.cancel()


@pytest.fixture
def publish(inference: Inference):
    """Store a bundle as the pipeline service does, and return the reference to its signed manifest."""

    async def put(
        files: dict[str, bytes], *, key: SigningKey | None = None, project: UUID | None = None
    ) -> ArtifactRef:
        blobs = Blobs(inference.parts.objects(BUCKET))
        refs = {path: await blobs.put_bytes(data) for path, data in files.items()}
        manifest = {
            "format": "skyulf.bundle/1",
            "project_id": str(project or inference.project),
            "nonce": str(uuid4()),
            "files": [{"path": path, "sha256": ref.sha256, "size": ref.size} for path, ref in refs.items()],
        }
        signed = sign_manifest(manifest, key or load_or_create(inference.parts.keys_dir, "pipeline"))
        ref = await blobs.put_bytes(signed)
        assert ref.sha256 == hashlib.sha256(signed).hexdigest()
        return ArtifactRef(bucket=BUCKET, key=ref.key, digest=ref.sha256, size=ref.size)

    return put


@pytest.fixture
def deploy(inference: Inference):
    """Deliver registry's wish, and wait until it is announced."""
    deployment_id = uuid4()

    async def wish(artifact: ArtifactRef, *, revision: int = 1, version: int = 1) -> ModelDeployed:
        target = DeploymentTarget(
            model_id=uuid4(), model="flights", version=version, version_id=uuid4(), artifact=artifact
        )
        event = ModelDeployed(
            event_id=uuid4(), project_id=inference.project, aggregate_version=revision * 2,
            occurred_at=datetime.now(UTC), deployment_id=deployment_id, name="flights", revision=revision,
            targets=(target,),
        )  # fmt: skip
        await inference.deliver(event)
        return event

    return wish


@pytest.fixture
def announced(inference: Inference):
    async def wait(count: int) -> list[str]:
        async with asyncio.timeout(30):
            while len(rows := await inference.published()) < count:
                await asyncio.sleep(0.02)
        return [row.type.split(".")[-2] for row in rows]

    return wait
