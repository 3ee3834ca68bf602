"""Blobs are what their name says, and the cache never hands out anything else."""

import asyncio
import hashlib
import os
from pathlib import Path

import pytest
from skyulf_service.objects.blobs import BlobRef, Blobs
from skyulf_service.objects.cache import BlobCache
from skyulf_service.objects.errors import DigestMismatchError, ObjectNotFoundError
from skyulf_service.objects.folder import FolderStore
from skyulf_service.objects.store import StoredObject


class CountingStore(FolderStore):
    """A folder that counts its downloads and can be slow."""

    downloads = 0
    pause = 0.0

    async def fetch(self, key: str, path: Path, *, sha256: str | None = None) -> StoredObject:
        self.downloads += 1
        await asyncio.sleep(self.pause)
        return await super().fetch(key, path, sha256=sha256)


@pytest.fixture
def store(tmp_path: Path) -> CountingStore:
    return CountingStore(tmp_path / "store", "blobs")


@pytest.fixture
def blobs(store: CountingStore) -> Blobs:
    return Blobs(store)


def damage(store_root: Path, ref: BlobRef) -> None:
    path = store_root / "store" / "blobs" / ref.key
    path.write_bytes(b"x" * ref.size)


async def test_a_blob_is_named_by_its_content(blobs: Blobs, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"content")

    ref = await blobs.put_file(tmp_path / "f")

    digest = hashlib.sha256(b"content").hexdigest()
    assert ref == BlobRef(digest, 7, f"blobs/sha256/{digest[:2]}/{digest}")
    assert ref == await blobs.put_bytes(b"content")
    assert await blobs.get_bytes(ref) == b"content"


async def test_a_missing_file_is_not_found(blobs: Blobs, tmp_path: Path) -> None:
    with pytest.raises(ObjectNotFoundError):
        await blobs.put_file(tmp_path / "nothing")


async def test_damaged_bytes_are_never_handed_out(blobs: Blobs, tmp_path: Path) -> None:
    ref = await blobs.put_bytes(b"content")
    damage(tmp_path, ref)

    with pytest.raises(DigestMismatchError):
        await blobs.get_bytes(ref)
    with pytest.raises(DigestMismatchError):
        await blobs.fetch(ref, tmp_path / "out")
    with pytest.raises(DigestMismatchError):
        [chunk async for chunk in blobs.open_stream(ref)]
    assert not (tmp_path / "out").exists()


async def test_storing_again_repairs_a_damaged_blob(blobs: Blobs, tmp_path: Path) -> None:
    ref = await blobs.put_bytes(b"content")
    damage(tmp_path, ref)

    await blobs.put_bytes(b"content")

    assert await blobs.get_bytes(ref) == b"content"


async def test_the_cache_fetches_once_for_many(blobs: Blobs, store: CountingStore, tmp_path: Path) -> None:
    ref = await blobs.put_bytes(os.urandom(100_000))
    store.pause = 0.05
    cache = BlobCache(tmp_path / "cache", 10_000_000)

    paths = await asyncio.gather(*(cache.get(blobs, ref) for _ in range(50)))

    assert len(set(paths)) == 1
    assert store.downloads == 1


async def test_a_caller_that_gives_up_does_not_fail_the_others(
    blobs: Blobs, store: CountingStore, tmp_path: Path
) -> None:
    ref = await blobs.put_bytes(b"content")
    store.pause = 0.1
    cache = BlobCache(tmp_path / "cache", 10_000_000)

    first = asyncio.create_task(cache.get(blobs, ref))
    second = asyncio.create_task(cache.get(blobs, ref))
    await asyncio.sleep(0.02)
    first.cancel()

    assert (await second).read_bytes() == b"content"


async def test_the_cache_survives_a_restart_and_verifies_first(
    blobs: Blobs, store: CountingStore, tmp_path: Path
) -> None:
    ref = await blobs.put_bytes(b"content")
    path = await BlobCache(tmp_path / "cache", 10_000_000).get(blobs, ref)

    assert await BlobCache(tmp_path / "cache", 10_000_000).get(blobs, ref) == path
    assert store.downloads == 1

    path.chmod(0o640)
    path.write_bytes(b"damaged")
    again = await BlobCache(tmp_path / "cache", 10_000_000).get(blobs, ref)

    assert again.read_bytes() == b"content"
    assert store.downloads == 2


async def test_a_copy_says_nothing_of_the_store_and_a_fresh_look_does(
    blobs: Blobs, store: CountingStore, tmp_path: Path
) -> None:
    ref = await blobs.put_bytes(b"content")
    cache = BlobCache(tmp_path / "cache", 10_000_000)
    assert not await cache.holds(ref)
    path = await cache.get(blobs, ref)
    await store.put_bytes(ref.key, b"CONTENT")

    assert await cache.get(blobs, ref) == path
    with pytest.raises(DigestMismatchError):
        await cache.get(blobs, ref, afresh=True)

    assert await cache.holds(ref)
    assert path.read_bytes() == b"content"


async def test_a_file_damaged_while_running_is_fetched_again(blobs: Blobs, tmp_path: Path) -> None:
    ref = await blobs.put_bytes(b"content")
    cache = BlobCache(tmp_path / "cache", 10_000_000)
    path = await cache.get(blobs, ref)
    path.chmod(0o640)
    path.write_bytes(b"damaged")

    assert (await cache.get(blobs, ref)).read_bytes() == b"content"


async def test_the_least_recently_used_leaves_first(blobs: Blobs, tmp_path: Path) -> None:
    cache = BlobCache(tmp_path / "cache", 2_500, grace=0.0)
    refs = [await blobs.put_bytes(os.urandom(1_000)) for _ in range(3)]
    first = await cache.get(blobs, refs[0])
    second = await cache.get(blobs, refs[1])
    await cache.get(blobs, refs[0])

    third = await cache.get(blobs, refs[2])

    assert (first.exists(), second.exists(), third.exists()) == (True, False, True)


async def test_a_staged_file_outlives_its_eviction(blobs: Blobs, tmp_path: Path) -> None:
    cache = BlobCache(tmp_path / "cache", 1_500, grace=0.0)
    ref = await blobs.put_bytes(b"a" * 1_000)
    staged = await cache.stage(blobs, ref, tmp_path / "scratch" / "input.parquet")

    await cache.get(blobs, await blobs.put_bytes(b"b" * 1_000))

    assert staged.read_bytes() == b"a" * 1_000
    assert sum(path.stat().st_size for path in (tmp_path / "cache").glob("*/*")) == 1_000


async def test_two_caches_share_a_folder(blobs: Blobs, tmp_path: Path) -> None:
    refs = [await blobs.put_bytes(os.urandom(1_000)) for _ in range(20)]
    caches = [BlobCache(tmp_path / "cache", 5_000, grace=0.0) for _ in range(2)]

    for ref in refs:
        targets = [tmp_path / f"{ref.sha256}-{n}" for n in range(2)]
        await asyncio.gather(*(cache.stage(blobs, ref, target) for cache, target in zip(caches, targets, strict=True)))
        assert {hashlib.sha256(target.read_bytes()).hexdigest() for target in targets} == {ref.sha256}


async def test_a_failed_fetch_is_tried_again_by_the_next(blobs: Blobs, tmp_path: Path) -> None:
    cache = BlobCache(tmp_path / "cache", 10_000)
    ref = BlobRef.of(hashlib.sha256(b"late").hexdigest(), 4)

    with pytest.raises(ObjectNotFoundError):
        await cache.get(blobs, ref)
    await blobs.put_bytes(b"late")

    assert (await cache.get(blobs, ref)).read_bytes() == b"late"


async def test_bytes_that_were_fetched_already_are_kept_and_others_are_refused(
    store: CountingStore, blobs: Blobs, tmp_path: Path
) -> None:
    ref, cache = await blobs.put_bytes(b"content"), BlobCache(tmp_path / "cache", 100)

    with pytest.raises(DigestMismatchError):
        await cache.keep(ref, b"another")
    assert not await cache.holds(ref)
    await cache.keep(ref, b"content")

    assert (await cache.get(blobs, ref)).read_bytes() == b"content"
    assert store.downloads == 0
