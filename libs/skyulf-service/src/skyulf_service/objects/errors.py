"""What can be wrong with an object."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from skyulf_service.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    SkyulfError,
    StorageFullError,
    UnavailableError,
)

_FULL = {errno.ENOSPC, errno.EDQUOT}
_AWAY = {errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.ESTALE}


class ObjectNotFoundError(NotFoundError):
    """There is no object under this key."""

    code = "object-not-found"
    title = "Object not found"


class ObjectExistsError(ConflictError):
    """An object that may be created only once is there already."""

    code = "object-exists"
    title = "Object exists"


class InvalidKeyError(InvalidInputError):
    """A key that no store accepts."""

    code = "invalid-object-key"
    title = "Invalid object key"


class DigestMismatchError(SkyulfError):
    """The bytes are not the ones that the digest names: changed, cut or swapped. They are never handed out."""

    code = "digest-mismatch"
    status = 502
    title = "Stored bytes do not match their digest"


@contextmanager
def file_errors(key: str) -> Iterator[None]:
    """Turn what a file system raises into the store's errors."""
    try:
        yield
    except FileNotFoundError:
        raise ObjectNotFoundError(f"There is no object {key!r}.") from None
    except (IsADirectoryError, NotADirectoryError):
        raise InvalidKeyError(f"The key {key!r} is a prefix of another key, or the other way round.") from None
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFullError("There is no room left where objects are kept.") from error
        if error.errno in _AWAY:
            raise UnavailableError(f"The folder of objects cannot be used: {error.strerror}.") from error
        raise
