"""Uploads to S3 that the `minio` client's public calls cannot make: create-once, and parts that come from a stream.

Its `put_object` needs a blocking reader, so a slow sender would occupy a thread for as long as it takes;
here a thread is busy only while a complete part travels.
"""

from contextlib import suppress

from minio import Minio
from minio.datatypes import Part
from minio.error import MinioException
from urllib3.exceptions import HTTPError


def put_once(client: Minio, bucket: str, key: str, data: bytes, *, create_only: bool = False) -> None:
    """Store an object in one request; with ``create_only`` the server refuses to replace another."""
    headers: dict[str, str | list[str] | tuple[str]] = {"Content-Type": "application/octet-stream"}
    if create_only:
        headers["If-None-Match"] = "*"
    client._put_object(bucket, key, data, headers)


class MultipartUpload:
    """One object that arrives in parts; it becomes visible by `finish` or leaves nothing by `abort`. Methods block."""

    def __init__(self, client: Minio, bucket: str, key: str) -> None:
        self._client = client
        self._bucket = bucket
        self._key = key
        self._upload_id: str | None = None
        self._parts: list[Part] = []

    @property
    def started(self) -> bool:
        """Whether the server holds parts."""
        return self._upload_id is not None

    def add(self, data: bytes) -> None:
        """Send the next part; all but the last have at least 5 MiB."""
        if self._upload_id is None:
            self._upload_id = self._client._create_multipart_upload(self._bucket, self._key, {})
        number = len(self._parts) + 1
        etag = self._client._upload_part(self._bucket, self._key, data, None, self._upload_id, number)
        self._parts.append(Part(number, etag))

    def finish(self, rest: bytes) -> None:
        """Send what is left and make the object visible; a short object takes one request in all."""
        if self._upload_id is None:
            put_once(self._client, self._bucket, self._key, rest)
            return
        if rest:
            self.add(rest)
        self._client._complete_multipart_upload(self._bucket, self._key, self._upload_id, self._parts)

    def abort(self) -> None:
        """Drop the parts; where that fails too, they stay invisible until the bucket's lifecycle removes them."""
        if self._upload_id is not None:
            with suppress(MinioException, HTTPError):
                self._client._abort_multipart_upload(self._bucket, self._key, self._upload_id)
