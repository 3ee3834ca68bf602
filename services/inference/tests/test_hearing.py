"""Announcers and replicas hear of changes: idle ones hardly look, and yet nothing waits for their next look."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from skyulf_inference.main import SERVICE
from skyulf_inference.persistence.unit_of_work import InferenceUnitOfWork
from skyulf_inference.runtime.artifacts import ArtifactLoader
from skyulf_inference.runtime.models import ModelShelf
from skyulf_inference.service.announce import Announcer
from skyulf_inference.service.reconcile import Reconciler
from skyulf_service.composition import Parts
from skyulf_service.objects.cache import BlobCache
from skyulf_service.signing.keys import PublicKeys, load_or_create
from skyulf_service.testing.services import RunningService, running_service
from sqlalchemy import event

NEVER = 600.0
IDLE_SECONDS = 4.0
InferenceParts = Parts[InferenceUnitOfWork]


@pytest.fixture
async def inference(database_url: str, tmp_path: Path) -> AsyncIterator[RunningService[InferenceUnitOfWork]]:
    """One whose replica never beats again, and that announces nothing by itself."""
    load_or_create(tmp_path / "keys", "pipeline")
    async with running_service(
        SERVICE, database_url=database_url, home=tmp_path, replica_ttl_seconds=NEVER * 4
    ) as running:
        await running.parts.objects("skyulf-pipeline").ensure_bucket()
        yield running


@asynccontextmanager
async def beside(
    inference: RunningService[InferenceUnitOfWork], cache: Path, *, ttl: float, untold: float
) -> AsyncIterator[tuple[InferenceParts, ModelShelf]]:
    """A replica and an announcer, in what counts as another process where the database is for several."""
    parts = inference.parts
    own = parts if parts.database.dialect == "sqlite" else SERVICE.open(parts.settings)
    settings, shelf = parts.settings.model_copy(update={"replica_ttl_seconds": ttl}), ModelShelf()
    loader = ArtifactLoader(parts.objects, BlobCache(cache, 1 << 30), lambda: PublicKeys.load(parts.keys_dir))
    replica = Reconciler(own.uows, shelf, loader, settings, untold_seconds=untold)
    announcer = Announcer(own.uows, untold_seconds=untold)
    running = [asyncio.create_task(each.run()) for each in (replica, announcer)]
    try:
        async with asyncio.timeout(30):
            while not await replica.caught_up() or replica._hearing.is_deaf or announcer._hearing.is_deaf:
                await asyncio.sleep(0.02)
        yield own, shelf
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        if own is not parts:
            await own.close()


@contextmanager
def statements(*parts: InferenceParts) -> Iterator[list[str]]:
    """What is asked of the databases meanwhile."""
    found: list[str] = []
    engines = {each.database.engine.sync_engine for each in parts}

    def note(*arguments: object) -> None:
        if not str(arguments[2]).startswith("BEGIN"):
            found.append(str(arguments[2]))

    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    yield found
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)


async def test_news_alone_bring_a_wish_to_replicas_and_what_they_say_to_the_announcer(
    inference, publish, deploy, announced, opposites, tmp_path
):
    async with beside(inference, tmp_path / "own", ttl=NEVER * 4, untold=NEVER) as (_, shelf):
        held = []
        for revision, files in enumerate(opposites, start=1):
            await deploy(await publish(files), revision=revision, version=revision)
            said = await announced(revision)
            held.append(shelf.get(inference.project, "flights"))

    assert said == ["ready", "ready"]
    assert [live.model_version for live in held] == [1, 2]


async def test_news_alone_tell_the_announcer_of_a_replica_that_left(
    inference, publish, deploy, announced, bundle, tmp_path
):
    async with beside(inference, tmp_path / "announcing", ttl=NEVER * 4, untold=NEVER):
        await deploy(await publish(bundle))
        await announced(1)
        async with beside(inference, tmp_path / "leaving", ttl=NEVER * 4, untold=NEVER):
            come = await announced(2)
        gone = await announced(3)

    assert (come, gone) == (["ready"] * 2, ["ready"] * 3)


async def test_idle_ones_hardly_look(inference, publish, deploy, announced, bundle, tmp_path):
    async with beside(inference, tmp_path / "own", ttl=5.0, untold=2.0) as (own, _):
        await deploy(await publish(bundle))
        await announced(1)
        await asyncio.sleep(0.5)

        with statements(inference.parts, own) as asked:
            await asyncio.sleep(IDLE_SECONDS)

    # a beat and a look every 1.25 s, another replica's look and two of the announcer every 2 s; at ten looks a second
    # there would be over a hundred and twenty
    assert 1 <= len(asked) <= 32, asked
