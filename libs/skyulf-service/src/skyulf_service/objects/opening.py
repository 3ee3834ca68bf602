"""Opening the object store that the settings name."""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import urllib3
from minio import Minio

from skyulf_service.objects.folder import FolderStore
from skyulf_service.objects.s3 import S3Store
from skyulf_service.objects.store import ObjectStore

_CONNECT_SECONDS = 3.0
_READ_SECONDS = 30.0
_RETRIES = 4


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
    return S3Store(s3_client(settings), bucket)


def s3_client(settings: StoreSettings) -> Minio:
    """Return a client with timeouts of seconds (the library's are minutes) and few retries."""
    endpoint = settings.endpoint or ""
    parts = urlsplit(endpoint if "://" in endpoint else f"//{endpoint}")
    retries = urllib3.Retry(
        total=_RETRIES, backoff_factor=0.25, status_forcelist=[500, 502, 503, 504], raise_on_status=False
    )
    pool = urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS), maxsize=16, retries=retries
    )
    return Minio(
        parts.netloc,
        access_key=settings.access_key,
        secret_key=settings.secret_key,
        secure=parts.scheme == "https" or (not parts.scheme and settings.secure),
        region=settings.region,
        http_client=pool,
    )
