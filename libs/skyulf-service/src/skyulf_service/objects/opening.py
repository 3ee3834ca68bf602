"""Opening the object store that the settings name."""

from dataclasses import dataclass, field
from pathlib import Path

from skyulf_service.objects.folder import FolderStore
from skyulf_service.objects.store import ObjectStore


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Where objects are: with an S3 endpoint (``host:port`` or a URL) there, else in folders below ``root``."""

    root: Path
    endpoint: str | None = None
    access_key: str = ""
    secret_key: str = field(default="", repr=False)
    secure: bool = False
    region: str = "us-east-1"


def open_store(settings: StoreSettings, bucket: str) -> ObjectStore:
    """Return the store of one bucket; `ensure_bucket` creates it where that is this service's business."""
    if settings.endpoint is None:
        return FolderStore(settings.root, bucket)
    from skyulf_service.objects.s3_opening import open_s3  # the client library is as large as a small service

    return open_s3(settings, bucket)
