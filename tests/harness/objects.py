"""Looking into the object store from outside, and tampering with it."""

import hashlib
import io
import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from minio import Minio

BLOBS = "blobs/sha256/"


class Objects(ABC):
    """The objects of an installation, by bucket and key."""

    @abstractmethod
    def keys(self, bucket: str) -> set[str]:
        """All keys of a bucket."""

    @abstractmethod
    def read(self, bucket: str, key: str) -> bytes:
        """An object's bytes."""

    @abstractmethod
    def write(self, bucket: str, key: str, data: bytes) -> None:
        """Put bytes in an object's place."""

    @abstractmethod
    def remove(self, bucket: str, key: str) -> None:
        """Take an object away."""

    def blob(self, bucket: str, digest: str) -> bytes:
        """The bytes of a blob, checked."""
        data = self.read(bucket, blob_key(digest))
        assert hashlib.sha256(data).hexdigest() == digest
        return data

    def manifest(self, digest: str) -> dict[str, Any]:
        """The manifest of a bundle."""
        envelope: dict[str, Any] = json.loads(self.blob("skyulf-pipeline", digest))
        manifest: dict[str, Any] = envelope["manifest"]
        return manifest

    def bundle(self, digest: str) -> dict[str, bytes]:
        """The files of a bundle by their path."""
        files = self.manifest(digest)["files"]
        return {entry["path"]: self.blob("skyulf-pipeline", entry["sha256"]) for entry in files}


class Folder(Objects):
    """Objects below a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def keys(self, bucket: str) -> set[str]:
        folder = self.root / bucket
        return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}

    def read(self, bucket: str, key: str) -> bytes:
        return (self.root / bucket / key).read_bytes()

    def write(self, bucket: str, key: str, data: bytes) -> None:
        (self.root / bucket / key).write_bytes(data)

    def remove(self, bucket: str, key: str) -> None:
        (self.root / bucket / key).unlink()


class S3(Objects):
    """Objects behind an S3 API."""

    def __init__(self, client: Minio) -> None:
        self.client = client

    def keys(self, bucket: str) -> set[str]:
        return {str(found.object_name) for found in self.client.list_objects(bucket, recursive=True)}

    def read(self, bucket: str, key: str) -> bytes:
        answer = self.client.get_object(bucket, key)
        try:
            return answer.read()
        finally:
            answer.close()
            answer.release_conn()

    def write(self, bucket: str, key: str, data: bytes) -> None:
        self.client.put_object(bucket, key, io.BytesIO(data), len(data))

    def remove(self, bucket: str, key: str) -> None:
        self.client.remove_object(bucket, key)

    def unfinished(self, bucket: str) -> list[str]:
        """The keys of which parts lie there, and no whole."""
        return [str(upload.object_name) for upload in self.client._list_multipart_uploads(bucket).uploads]


def blob_key(digest: str) -> str:
    """Where the blob of a digest lies."""
    return f"{BLOBS}{digest[:2]}/{digest}"
