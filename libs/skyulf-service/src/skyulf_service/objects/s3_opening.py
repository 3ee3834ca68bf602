"""Opening a store behind an S3 API."""

from urllib.parse import urlsplit

import urllib3
from minio import Minio

from skyulf_service.objects.opening import StoreSettings
from skyulf_service.objects.s3 import S3Store

_CONNECT_SECONDS = 3.0
_READ_SECONDS = 30.0
_RETRIES = 4


def open_s3(settings: StoreSettings, bucket: str) -> S3Store:
    """Return the store of one bucket at the settings' endpoint."""
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
