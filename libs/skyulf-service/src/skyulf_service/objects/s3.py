"""Objects behind any S3 API, through the `minio` client in a bounded pool of threads."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TypeVar

from minio import Minio
from urllib3.response import BaseHTTPResponse

from skyulf_service.errors import TooLargeError, UnavailableError
from skyulf_service.objects.errors import ObjectNotFoundError
from skyulf_service.objects.files import read_file, write_stream
from skyulf_service.objects.s3_errors import s3_errors
from skyulf_service.objects.s3_upload import MultipartUpload, put_once
from skyulf_service.objects.store import CHUNK, ObjectStat, StoredObject, StreamCheck, check_key

T = TypeVar("T")
PART = 8 * 1024 * 1024
_LIST_BATCH = 500
_THREADS = 16
_READ_ATTEMPTS = 4
_READ_PAUSE = 0.5
_ABORT_SECONDS = 1.0


class S3Store:
    """A bucket of an S3 server. Calls survive a restart of the server: they are retried for some seconds."""

    def __init__(self, client: Minio, bucket: str, *, part_size: int = PART) -> None:
        self._client = client
        self._bucket = bucket
        self._part_size = part_size
        # a pool of its own: a hanging server must not occupy the threads that everybody shares
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix=f"s3-{bucket}")

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self._bucket

    async def put_file(self, key: str, path: Path, *, sha256: str | None = None) -> StoredObject:
        """Upload a local file."""
        async with aclosing(read_file(path)) as chunks:
            return await self.put_stream(key, chunks, sha256=sha256)

    async def put_bytes(self, key: str, data: bytes, *, create_only: bool = False) -> StoredObject:
        """Upload some bytes; ``create_only`` is decided by the server (`If-None-Match: *`)."""
        check_key(key)
        check = StreamCheck()
        check.update(data)
        await self._call(key, lambda: put_once(self._client, self._bucket, key, data, create_only=create_only))
        return check.finish(key)

    async def put_stream(
        self, key: str, chunks: AsyncIterator[bytes], *, max_bytes: int | None = None, sha256: str | None = None
    ) -> StoredObject:
        """Upload a stream, by parts where it is longer than one; nothing shows before the last part is accepted."""
        check_key(key)
        check = StreamCheck(max_bytes=max_bytes, sha256=sha256)
        upload = MultipartUpload(self._client, self._bucket, key)
        buffer = bytearray()
        try:
            async for chunk in chunks:
                check.update(chunk)
                buffer += chunk
                while len(buffer) >= self._part_size:
                    part = bytes(buffer[: self._part_size])
                    del buffer[: self._part_size]
                    await self._call(key, upload.add, part)
            stored = check.finish(key)
            await self._call(key, upload.finish, bytes(buffer))
        except BaseException:
            if upload.started:
                # who gives up, or is cancelled, does not wait for a server that hangs
                aborted = asyncio.get_running_loop().run_in_executor(self._pool, upload.abort)
                await asyncio.wait({aborted}, timeout=_ABORT_SECONDS)
            raise
        return stored

    async def get_bytes(self, key: str, *, max_bytes: int | None = None) -> bytes:
        """Return an object's bytes."""
        check_key(key)
        return await self._again(lambda: self._call(key, self._read, key, max_bytes))

    async def fetch(self, key: str, path: Path, *, sha256: str | None = None) -> StoredObject:
        """Download an object to a local file; a cut download starts again."""

        async def download() -> StoredObject:
            async with aclosing(self.open_stream(key)) as chunks:
                return await write_stream(path, chunks, StreamCheck(sha256=sha256), name=key)

        return await self._again(download)

    async def open_stream(self, key: str) -> AsyncGenerator[bytes, None]:
        """Download in chunks; a cut connection raises `UnavailableError`."""
        check_key(key)
        response: BaseHTTPResponse = await self._call(key, self._client.get_object, self._bucket, key)
        try:
            while chunk := await self._call(key, response.read, CHUNK):
                yield chunk
        finally:
            response.close()  # not back to the pool: after a break there may be unread bytes
            response.release_conn()

    async def stat(self, key: str) -> ObjectStat | None:
        """Describe an object."""
        check_key(key)
        try:
            found = await self._call(key, self._client.stat_object, self._bucket, key)
        except ObjectNotFoundError:
            return None
        return ObjectStat(key=key, size=found.size or 0, modified=found.last_modified or datetime.now(UTC))

    async def delete(self, key: str) -> None:
        """Remove an object if it is there."""
        check_key(key)
        try:
            await self._call(key, self._client.remove_object, self._bucket, key)
        except ObjectNotFoundError:
            return

    async def list(self, prefix: str = "") -> AsyncIterator[ObjectStat]:
        """The objects in the order in which the server lists them, which S3 defines by key."""
        listing = self._client.list_objects(self._bucket, prefix=prefix, recursive=True)
        while batch := await self._call(prefix, lambda: [*islice(listing, _LIST_BATCH)]):
            for found in batch:
                if found.object_name and not found.is_dir:
                    modified = found.last_modified or datetime.now(UTC)
                    yield ObjectStat(key=found.object_name, size=found.size or 0, modified=modified)

    async def ensure_bucket(self) -> None:
        """Create the bucket where it is missing; several processes may do so at once."""
        if not await self._call("", self._client.bucket_exists, self._bucket):
            try:
                await self._call("", self._client.make_bucket, self._bucket)
            except UnavailableError:
                if not await self._call("", self._client.bucket_exists, self._bucket):
                    raise

    async def ping(self) -> None:
        """Raise `UnavailableError` unless the bucket is there."""
        if not await self._call("", self._client.bucket_exists, self._bucket):
            raise UnavailableError(f"The bucket {self._bucket!r} does not exist.")

    async def close(self) -> None:
        """Give the threads back; calls that still run end by their timeout."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _call(self, key: str, function: Callable[..., T], *arguments: object) -> T:
        with s3_errors(key):
            return await asyncio.get_running_loop().run_in_executor(self._pool, function, *arguments)

    async def _again(self, read: Callable[[], Awaitable[T]]) -> T:
        for attempt in range(1, _READ_ATTEMPTS):
            try:
                return await read()
            except UnavailableError:
                await asyncio.sleep(_READ_PAUSE * attempt)
        return await read()

    def _read(self, key: str, max_bytes: int | None) -> bytes:
        response = self._client.get_object(self._bucket, key)
        try:
            data: bytes = response.read(None if max_bytes is None else max_bytes + 1)
        finally:
            response.close()
            response.release_conn()
        if max_bytes is not None and len(data) > max_bytes:
            raise TooLargeError(f"The object is larger than {max_bytes} bytes.")
        return data
