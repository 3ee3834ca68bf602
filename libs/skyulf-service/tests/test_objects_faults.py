"""Servers restart, connections break, disks fill up: a clear error or a success, never half an object."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from harness.promises import Figures
from harness.proxies import held_answers
from skyulf_service.errors import UnavailableError
from skyulf_service.objects.opening import StoreSettings, open_store
from skyulf_service.objects.store import ObjectStore
from skyulf_service.testing.handles import S3Server
from skyulf_service.testing.tcp_proxy import TcpProxy

DATA = os.urandom(12 * 1024 * 1024)


@pytest.fixture
def settings(s3_server: S3Server, tmp_path: Path) -> StoreSettings:
    return StoreSettings(tmp_path, s3_server.endpoint, s3_server.access_key, s3_server.secret_key)


@pytest.fixture
async def proxy(s3_server: S3Server) -> AsyncIterator[TcpProxy]:
    host, port = s3_server.endpoint.split(":")
    async with TcpProxy(host, int(port)) as between:
        yield between


@asynccontextmanager
async def opened(settings: StoreSettings, bucket: str | None = None) -> AsyncIterator[ObjectStore]:
    store = open_store(settings, bucket or f"bucket-{uuid4().hex[:12]}")
    await store.ensure_bucket()
    yield store
    await store.close()


async def data() -> AsyncIterator[bytes]:
    for start in range(0, len(DATA), 1_000_000):
        yield DATA[start : start + 1_000_000]


@pytest.mark.s3
async def test_a_restart_of_the_server_is_survived(
    settings: StoreSettings, s3_server: S3Server, tmp_path: Path
) -> None:
    async with opened(settings) as store:
        await store.put_bytes("before", b"before")
        await asyncio.to_thread(s3_server.stop)
        work = asyncio.gather(
            store.put_bytes("during", b"during"),
            store.put_stream("long", data()),
            store.get_bytes("before"),
            store.fetch("before", tmp_path / "before"),
            store.stat("before"),
        )
        await asyncio.sleep(1)
        await asyncio.to_thread(s3_server.start)
        await work

        assert await store.get_bytes("during") == b"during"
        assert await store.get_bytes("long") == DATA


@pytest.mark.s3
async def test_who_is_cancelled_does_not_wait_for_a_server_that_hangs(
    settings: StoreSettings, s3_server: S3Server
) -> None:
    with held_answers(s3_server.endpoint, b"uploadId=") as hanging:
        async with opened(replace(settings, endpoint=hanging.address)) as store:
            upload = asyncio.create_task(store.put_stream("long", data()))
            assert await asyncio.to_thread(hanging.holding.wait, 20)
            began = time.monotonic()
            upload.cancel()
            with pytest.raises(asyncio.CancelledError):
                await upload

            assert time.monotonic() - began < 3
            assert await store.stat("long") is None


@pytest.mark.s3
async def test_a_server_that_is_away_is_reported_in_time(settings: StoreSettings, proxy: TcpProxy) -> None:
    async with opened(replace(settings, endpoint=proxy.address)) as store:
        await proxy.cut()
        start = time.monotonic()

        with pytest.raises(UnavailableError):
            await store.put_bytes("k", b"1")
        with pytest.raises(UnavailableError):
            await store.ping()

        assert time.monotonic() - start < 15
        await proxy.restore()
        await store.ping()


@pytest.mark.s3
async def test_a_download_that_breaks_starts_again(settings: StoreSettings, proxy: TcpProxy, tmp_path: Path) -> None:
    async with opened(replace(settings, endpoint=proxy.address)) as store:
        stored = await store.put_stream("k", data())
        await proxy.reset()
        proxy.reset_after = 5_000_000
        fetching = asyncio.create_task(store.fetch("k", tmp_path / "k", sha256=stored.sha256))
        await asyncio.sleep(0.3)

        assert not (tmp_path / "k").exists()
        proxy.reset_after = None
        await fetching
        assert (tmp_path / "k").read_bytes() == DATA


@pytest.mark.s3
async def test_a_download_that_always_breaks_leaves_nothing(
    settings: StoreSettings, proxy: TcpProxy, tmp_path: Path
) -> None:
    async with opened(replace(settings, endpoint=proxy.address)) as store:
        await store.put_stream("k", data())
        await proxy.reset()
        proxy.reset_after = 5_000_000

        with pytest.raises(UnavailableError):
            await store.fetch("k", tmp_path / "out" / "k")
        with pytest.raises(UnavailableError):
            [chunk async for chunk in store.open_stream("k")]

        assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.s3
async def test_an_upload_that_breaks_shows_nothing(settings: StoreSettings, proxy: TcpProxy) -> None:
    bucket = f"bucket-{uuid4().hex[:12]}"
    async with opened(settings, bucket) as direct, opened(replace(settings, endpoint=proxy.address), bucket) as store:
        await proxy.reset()
        proxy.reset_after = 3_000_000

        with pytest.raises(UnavailableError):
            await store.put_stream("k", data())

        assert await direct.stat("k") is None
        assert [found.key async for found in direct.list()] == []
        proxy.reset_after = None
        await store.put_stream("k", data())
        assert await direct.get_bytes("k") == DATA


@pytest.mark.s3
async def test_a_refusal_of_our_credentials_is_an_outage_not_a_crash(settings: StoreSettings) -> None:
    async with opened(settings) as store:
        wrong = open_store(replace(settings, secret_key="wrong"), store.bucket)

        with pytest.raises(UnavailableError):
            await wrong.put_bytes("k", b"1")
        with pytest.raises(UnavailableError):
            await wrong.get_bytes("k")
        await wrong.close()


@pytest.mark.s3
async def test_a_missing_bucket_is_an_outage(settings: StoreSettings) -> None:
    store = open_store(settings, f"bucket-{uuid4().hex[:12]}")

    with pytest.raises(UnavailableError):
        await store.ping()
    with pytest.raises(UnavailableError):
        await store.put_bytes("k", b"1")
    await store.close()


@pytest.mark.promise("R17")
async def test_a_full_disk_keeps_what_is_there_and_recovers(tmp_path: Path, figures: Figures) -> None:
    script = Path(__file__).with_name("objects_full_disk.py")
    process = await asyncio.create_subprocess_exec(
        *("unshare", "--map-root-user", "--mount", sys.executable, str(script), str(tmp_path)),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()

    assert output.decode().splitlines() == ["full", "full", "kept", "0", "True 2000000"]
    figures("a store of 4 MB filled 2 times: 2 refused, 0 unfinished objects, what was there kept, the next one stored")
