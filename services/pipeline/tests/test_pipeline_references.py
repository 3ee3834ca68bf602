"""What the collector of orphans goes by: rows, made of each manifest once, and nothing that grows in memory."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from harness.promises import Figures
from pipeline_street import PROJECT, Street
from prometheus_client import REGISTRY
from skyulf_pipeline.main import BUCKET
from skyulf_pipeline.persistence.references import BundleReferences
from skyulf_pipeline.persistence.tables import job_objects, jobs
from skyulf_service.errors import UnavailableError
from skyulf_service.ids import new_id, utc_now
from skyulf_service.objects.blobs import Blobs
from skyulf_service.objects.collector import collect_orphans
from skyulf_service.objects.folder import FolderStore
from sqlalchemy import event, func, select
from structlog.testing import capture_logs


class Counted(FolderStore):
    """A store that counts what is read of it."""

    reads = 0

    async def get_bytes(self, key: str, *, max_bytes: int | None = None) -> bytes:
        self.reads += 1
        return await super().get_bytes(key, max_bytes=max_bytes)


@pytest.fixture
def store(street: Street) -> Counted:
    return Counted(street.parts.settings.shared.objects_folder, BUCKET)


async def succeeded(street: Street, count: int) -> dict[UUID, list[str]]:
    """Jobs as runners of any release leave them: nobody has looked at their objects. Their keys, manifest first."""
    found, rows, blobs = dict[UUID, list[str]](), list[dict[str, object]](), Blobs(street.parts.objects(BUCKET))
    for number in range(count):
        files = [await blobs.put_bytes(f"file {each} of {number}".encode()) for each in range(2)]
        listed = {"manifest": {"files": [{"sha256": file.sha256, "size": file.size} for file in files]}}
        manifest = await blobs.put_bytes(json.dumps({**listed, "signed for": number}).encode())
        evaluation, page = [await blobs.put_bytes(f"{what} {number}".encode()) for what in ("evaluation", "page")]
        outcome = {"artifact": {"digest": manifest.sha256, "size": manifest.size, "key": manifest.key}}
        row = job_row(outcome={**outcome, "evaluation": {"key": evaluation.key}}, report={"html": {"key": page.key}})
        rows.append(row)
        found[row["id"]] = [ref.key for ref in (manifest, *files, evaluation, page)]
    async with street.parts.database.begin() as connection:
        await connection.execute(jobs.insert(), rows)
    return found


def job_row(**made: object) -> dict:
    now = utc_now()
    return {
        "id": new_id(), "project_id": PROJECT, "kind": "train", "pipeline_id": new_id(), "pipeline_version": 1,
        "pipeline_name": "p", "dataset_id": new_id(), "dataset_version": 1, "dataset_name": "d", "register_as": "m",
        "author": "a", "run_after": now, "queued_at": now, "version": 1, "created_at": now, "updated_at": now,
        "finished_at": now, "status": "succeeded", **made,
    }  # fmt: skip


@contextmanager
def statements(street: Street) -> Iterator[list[str]]:
    """What is asked of the database while the block runs."""
    said: list[str] = []

    def hear(*arguments: object) -> None:
        said.append(str(arguments[2]))

    engine = street.parts.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", hear)
    try:
        yield said
    finally:
        event.remove(engine, "before_cursor_execute", hear)


def asked(said: list[str]) -> int:
    return len([each for each in said if "job_objects" in each or "FROM jobs" in each])


async def test_a_manifest_is_read_once_and_a_page_of_objects_is_one_query(
    street: Street, store: Counted, figures: Figures
) -> None:
    made = await succeeded(street, 45)
    keys = [key for each in made.values() for key in each]
    first = BundleReferences(street.parts.database, Blobs(store))
    assert set(await first.referenced([*keys, "blobs/of/nobody"])) == set(keys)
    assert store.reads == len(made)

    restarted = BundleReferences(street.parts.database, Blobs(store))
    with statements(street) as said:
        assert await collect_orphans(store, restarted.referenced, grace=timedelta(hours=-1)) == 0
    assert asked(said) == -(-len(keys) // 200), said
    assert store.reads == len(made), "a process that starts reads none again"
    new = await succeeded(street, 1)
    assert await restarted.referenced(next(iter(new.values()))), "what has succeeded since"
    figures(f"pipeline: {len(keys)} objects of {len(made)} models: a query per 200, each manifest read once")


async def test_nothing_is_held_of_jobs_whatever_their_number(street: Street, store: Counted) -> None:
    keys = [key for each in (await succeeded(street, 30)).values() for key in each]
    references = BundleReferences(street.parts.database, Blobs(store))
    before = held(references)

    await references.referenced(keys)

    assert held(references) == before


def held(references: BundleReferences) -> int:
    return sum(len(each) for each in vars(references).values() if isinstance(each, set | dict | list))


async def test_processes_that_look_at_once_agree(street: Street, store: Counted) -> None:
    keys = [key for each in (await succeeded(street, 60)).values() for key in each]
    several = [BundleReferences(street.parts.database, Blobs(store)) for _ in range(4)]

    found = await asyncio.gather(*(each.referenced(keys) for each in several))

    assert [set(each) for each in found] == [set(keys)] * 4
    async with street.parts.database.read() as connection:
        assert await connection.scalar(select(func.count()).select_from(job_objects)) == len(keys)


@pytest.mark.parametrize("damage", [None, b"{}", b"x" * 10_000], ids=["missing", "shorter", "longer"])
async def test_while_a_manifest_is_lost_nothing_is_removed_and_one_that_is_put_back_is_found(
    street: Street, store: Counted, damage: bytes | None
) -> None:
    lost, well = (await succeeded(street, 2)).values()
    nobodys = await Blobs(store).put_bytes(b"of a job that was cancelled")
    path = Path(street.parts.settings.shared.objects_folder) / BUCKET / lost[0]
    data = path.read_bytes()
    references = BundleReferences(street.parts.database, Blobs(store))
    path.unlink() if damage is None else path.write_bytes(damage)

    for _ in range(2):
        with capture_logs() as said, pytest.raises(UnavailableError, match=f"1 jobs .*{lost[0]}"):
            await collect_orphans(store, references.referenced, grace=timedelta(hours=-1))
        assert [each["key"] for each in said if each["event"] == "manifest.lost"] == [lost[0]]
        assert lost_manifests() == 1
    assert {found.key async for found in store.list()} >= {*lost[1:], *well, nobodys.key}

    path.write_bytes(data)
    assert await collect_orphans(store, references.referenced, grace=timedelta(hours=-1)) == 1
    assert {found.key async for found in store.list()} == {*lost, *well}
    assert lost_manifests() == 0


async def test_a_manifest_that_is_lost_after_it_was_noted_takes_nothing_with_it(street: Street, store: Counted) -> None:
    (keys,) = (await succeeded(street, 1)).values()
    references = BundleReferences(street.parts.database, Blobs(store))
    await references.referenced(keys)

    await store.delete(keys[0])

    assert await collect_orphans(store, references.referenced, grace=timedelta(hours=-1)) == 0


async def test_who_finds_many_manifests_lost_looks_at_no_more(street: Street, tmp_path: Path) -> None:
    keys = [key for each in (await succeeded(street, 45)).values() for key in each]
    elsewhere = Counted(tmp_path / "elsewhere", BUCKET)
    await elsewhere.ensure_bucket()
    references = BundleReferences(street.parts.database, Blobs(elsewhere), most_lost=2)

    with pytest.raises(UnavailableError, match="mend the settings"):
        await references.referenced(keys)

    assert elsewhere.reads <= 20
    right = BundleReferences(street.parts.database, Blobs(street.parts.objects(BUCKET)))
    assert set(await right.referenced(keys)) == set(keys)


def lost_manifests() -> float | None:
    return REGISTRY.get_sample_value("skyulf_manifests_lost")
