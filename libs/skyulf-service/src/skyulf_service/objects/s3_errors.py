"""What an S3 server's refusals mean to a service."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from minio.error import InvalidResponseError, S3Error, ServerError
from urllib3.exceptions import HTTPError

from skyulf_service.errors import SkyulfError, StorageFullError, TooLargeError, UnavailableError
from skyulf_service.objects.errors import InvalidKeyError, ObjectExistsError, ObjectNotFoundError

_log = structlog.get_logger(__name__)

_MISSING = {"NoSuchKey", "NoSuchVersion", "NoSuchUpload"}
_FULL = {"QuotaExceeded", "InsufficientStorage", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded"}
_EXISTS = {"PreconditionFailed", "ConditionalRequestConflict"}
_BAD_KEY = {"KeyTooLongError", "InvalidObjectName", "ExistingObjectIsDirectory", "ObjectParentIsFile"}
_INSUFFICIENT_STORAGE = 507


@contextmanager
def s3_errors(key: str) -> Iterator[None]:
    """Turn what the client raises into the store's errors."""
    try:
        yield
    except S3Error as error:
        raise _meaning(error, key) from error
    except ServerError as error:
        if error.status_code == _INSUFFICIENT_STORAGE:
            raise StorageFullError("There is no room left where objects are kept.") from error
        raise UnavailableError("The object store fails at the moment.") from error
    except (HTTPError, InvalidResponseError, ConnectionError, TimeoutError) as error:
        raise UnavailableError("The object store cannot be reached.") from error


def _meaning(error: S3Error, key: str) -> SkyulfError:
    code = error.code or ""
    if code in _MISSING:
        return ObjectNotFoundError(f"There is no object {key!r}.")
    if code in _EXISTS:
        return ObjectExistsError(f"There is an object {key!r} already.")
    if code in _FULL or error.response.status == _INSUFFICIENT_STORAGE or "no space left" in str(error).lower():
        return StorageFullError("There is no room left where objects are kept.")
    if code == "EntityTooLarge":
        return TooLargeError("The object is larger than the store accepts.")
    if code in _BAD_KEY:
        return InvalidKeyError(f"The object store refuses the key {key!r} ({code}).")
    # wrong credentials, a missing bucket, an overloaded server: nothing that a user could mend
    _log.warning("object.refused", code=code, key=key)
    return UnavailableError(f"The object store refuses to work ({code}).")
