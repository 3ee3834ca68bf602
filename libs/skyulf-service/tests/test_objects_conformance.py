"""Every object store keeps the same promises."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from skyulf_service.errors import TooLargeError
from skyulf_service.objects.errors import (
    DigestMismatchError,
    InvalidKeyError,
    ObjectExistsError,
    ObjectNotFoundError,
)
from skyulf_service.objects.opening import StoreSettings, open_store
from skyulf_service.objects.store import ObjectStore


@pytest.fixture(params=["folder", pytest.param("s3", marks=pytest.mark.s3)])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ObjectStore]:
    settings = StoreSettings(root=tmp_path / "objects")
    if request.param == "s3":
        server = request.getfixturevalue("s3_server")
        settings = StoreSettings(tmp_path, server.endpoint, server.access_key, server.secret_key)
    opened = open_store(settings, f"bucket-{uuid4().hex[:12]}")
    await opened.ensure_bucket()
    yield opened
    await opened.close()


async def pieces(data: bytes, size: int = 300_000) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def cut(data: bytes) -> AsyncIterator[bytes]:
    async for chunk in pieces(data):
        yield chunk
    raise ConnectionResetError("the sender went away")


async def keys(store: ObjectStore, prefix: str = "") -> list[str]:
    return [found.key async for found in store.list(prefix)]


async def test_bytes_come_back(store: ObjectStore) -> None:
    stored = await store.put_bytes("a/b.json", b"{}")

    assert await store.get_bytes("a/b.json") == b"{}"
    assert (stored.size, stored.sha256) == (2, hashlib.sha256(b"{}").hexdigest())


async def test_an_empty_object_is_an_object(store: ObjectStore) -> None:
    await store.put_bytes("empty", b"")

    found = await store.stat("empty")
    assert found is not None
    assert found.size == 0
    assert await store.get_bytes("empty") == b""


async def test_a_put_replaces(store: ObjectStore) -> None:
    await store.put_bytes("k", b"old and long")
    await store.put_bytes("k", b"new")

    assert await store.get_bytes("k") == b"new"


async def test_create_only_keeps_the_first(store: ObjectStore) -> None:
    await store.put_bytes("once", b"first", create_only=True)

    with pytest.raises(ObjectExistsError):
        await store.put_bytes("once", b"second", create_only=True)
    assert await store.get_bytes("once") == b"first"


async def test_one_of_many_creators_wins(store: ObjectStore) -> None:
    tries = [store.put_bytes("raced", str(n).encode(), create_only=True) for n in range(8)]
    results = await asyncio.gather(*tries, return_exceptions=True)

    winners = [n for n, result in enumerate(results) if not isinstance(result, BaseException)]
    assert len(winners) == 1
    assert await store.get_bytes("raced") == str(winners[0]).encode()


async def test_missing_objects_are_not_found(store: ObjectStore, tmp_path: Path) -> None:
    assert await store.stat("nothing/here") is None
    with pytest.raises(ObjectNotFoundError):
        await store.get_bytes("nothing/here")
    with pytest.raises(ObjectNotFoundError):
        await store.fetch("nothing/here", tmp_path / "x")
    with pytest.raises(ObjectNotFoundError):
        await anext(store.open_stream("nothing/here"))
    await store.delete("nothing/here")
    assert not (tmp_path / "x").exists()


async def test_delete_removes(store: ObjectStore) -> None:
    await store.put_bytes("gone/soon", b"1")
    await store.delete("gone/soon")

    assert await store.stat("gone/soon") is None
    assert await keys(store) == []


async def test_list_follows_the_prefix_and_the_order_of_keys(store: ObjectStore) -> None:
    for key in ("b/2", "a/1", "b/10", "ba", "c"):
        await store.put_bytes(key, key.encode())

    assert await keys(store) == ["a/1", "b/10", "b/2", "ba", "c"]
    assert await keys(store, "b/") == ["b/10", "b/2"]
    assert await keys(store, "b") == ["b/10", "b/2", "ba"]
    assert await keys(store, "zz/") == []


@pytest.mark.parametrize(
    "key", ["", "/etc/passwd", "a/../../b", "..", "a//b", "a/", "a\x00b", ".hidden", "ü", "a b", "x" * 1000]
)
async def test_keys_that_could_escape_are_refused(store: ObjectStore, key: str) -> None:
    with pytest.raises(InvalidKeyError):
        await store.put_bytes(key, b"1")
    with pytest.raises(InvalidKeyError):
        await store.get_bytes(key)


async def test_a_stream_of_20_mib_keeps_its_digest(store: ObjectStore, tmp_path: Path) -> None:
    data = os.urandom(20 * 1024 * 1024 + 17)

    stored = await store.put_stream("large", pieces(data))
    fetched = await store.fetch("large", tmp_path / "large", sha256=stored.sha256)

    assert stored.sha256 == hashlib.sha256(data).hexdigest()
    assert fetched == stored
    assert (tmp_path / "large").read_bytes() == data
    assert b"".join([chunk async for chunk in store.open_stream("large")]) == data


async def test_nothing_shows_while_a_stream_is_written(store: ObjectStore) -> None:
    seen: list[object] = []

    async def watched() -> AsyncIterator[bytes]:
        async for chunk in pieces(os.urandom(18 * 1024 * 1024), 6 * 1024 * 1024):
            yield chunk
            seen.append(await store.stat("slow"))
            seen.extend(await keys(store))

    await store.put_stream("slow", watched())

    assert set(seen) == {None}
    assert await keys(store) == ["slow"]


@pytest.mark.parametrize("size", [1_000, 12 * 1024 * 1024])
async def test_a_cut_stream_leaves_what_was_there(store: ObjectStore, size: int) -> None:
    await store.put_bytes("kept", b"before")

    with pytest.raises(ConnectionResetError):
        await store.put_stream("kept", cut(os.urandom(size)))
    with pytest.raises(ConnectionResetError):
        await store.put_stream("fresh", cut(os.urandom(size)))

    assert await store.get_bytes("kept") == b"before"
    assert await keys(store) == ["kept"]


async def test_a_cancelled_stream_leaves_nothing(store: ObjectStore) -> None:
    async def stuck() -> AsyncIterator[bytes]:
        yield os.urandom(9 * 1024 * 1024)
        await asyncio.Event().wait()

    task = asyncio.create_task(store.put_stream("stuck", stuck()))
    await asyncio.sleep(0.5)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert await keys(store) == []


async def test_too_long_a_stream_is_refused(store: ObjectStore) -> None:
    with pytest.raises(TooLargeError):
        await store.put_stream("long", pieces(b"x" * 1_000_001), max_bytes=1_000_000)

    assert await keys(store) == []


async def test_too_large_an_object_is_not_read_into_memory(store: ObjectStore) -> None:
    await store.put_bytes("k", b"12345")

    assert await store.get_bytes("k", max_bytes=5) == b"12345"
    with pytest.raises(TooLargeError):
        await store.get_bytes("k", max_bytes=4)


async def test_a_file_with_another_digest_is_refused(store: ObjectStore, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"changed since it was hashed")

    with pytest.raises(DigestMismatchError):
        await store.put_file("f", tmp_path / "f", sha256="0" * 64)
    assert await keys(store) == []


async def test_a_fetch_with_another_digest_shows_nothing(store: ObjectStore, tmp_path: Path) -> None:
    await store.put_bytes("k", b"not what was signed")

    with pytest.raises(DigestMismatchError):
        await store.fetch("k", tmp_path / "out" / "k", sha256="0" * 64)
    assert list((tmp_path / "out").iterdir()) == []


async def test_concurrent_puts_leave_one_whole_object(store: ObjectStore) -> None:
    contents = [bytes([n]) * 200_000 for n in range(6)]
    await asyncio.gather(*(store.put_bytes("same", data) for data in contents))

    assert await store.get_bytes("same") in contents


async def test_the_bucket_may_be_ensured_twice(store: ObjectStore) -> None:
    await asyncio.gather(*(store.ensure_bucket() for _ in range(3)))

    await store.ping()
