"""New keys for old ones, without a moment in which anybody is refused."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from skyulf_service.signing.keys import (
    LOOK_AGAIN,
    KeyFileError,
    PublicKey,
    PublicKeys,
    SigningKey,
    load,
    load_or_create,
    write_private,
    write_public,
)

CurrentKey = Callable[[], SigningKey]


@dataclass(frozen=True, slots=True)
class Trusted:
    """A key that is trusted for what a service has signed; the current one signs what is new."""

    key: PublicKey
    current: bool


def prepare(folder: Path, name: str) -> PublicKey:
    """Make the next key, and let its public half be trusted before anything is signed with it. Harmless to repeat.

    Where services have folders of their own, the public file has to be in all of them before `rotate`.
    """
    upcoming = _upcoming(folder, name)
    if not upcoming.exists():
        write_private(upcoming, SigningKey.generate(name), replace=False)
    key = SigningKey.of(name, load(folder, upcoming.stem).key)
    write_public(_beside(folder, key.public), key.public)
    return key.public


def rotate(folder: Path, name: str) -> PublicKey:
    """Sign with the prepared key, or a new one, from now on; what the old one has signed is trusted until `distrust`.

    In this order a crash at any point leaves both keys trusted and one of them current.
    """
    old = load(folder, name)
    write_public(_beside(folder, old.public), old.public)
    prepare(folder, name)
    _upcoming(folder, name).replace(folder / f"{name}.key")
    return load_or_create(folder, name).public


def distrust(folder: Path, name: str, kid: str) -> None:
    """Trust nothing any more that was signed with this key. Raises `KeyFileError` for the current one."""
    if load_or_create(folder, name).kid == kid:
        raise KeyFileError(f"{kid} is the current key of {name}: rotate first")
    found = [each.key for each in trusted(folder, name) if each.key.kid == kid]
    if not found:
        raise KeyFileError(f"{kid} is no key that is trusted for {name}")
    upcoming = _upcoming(folder, name)
    if upcoming.exists() and SigningKey.of(name, load(folder, upcoming.stem).key).kid == kid:
        upcoming.unlink()
    _beside(folder, found[0]).unlink()


def trusted(folder: Path, name: str) -> list[Trusted]:
    """The keys that are trusted for a service, the current one first."""
    current = PublicKeys.load(folder, [name])
    signing = load(folder, name).kid if (folder / f"{name}.key").exists() else None
    return sorted((Trusted(key, key.kid == signing) for key in current), key=lambda each: not each.current)


def followed(folder: Path, name: str) -> CurrentKey:
    """The current key of a service, made at the first call and read again when its file changes."""
    path = folder / f"{name}.key"
    held = [load_or_create(folder, name)]
    seen, looked_at = [_stamp(path)], [monotonic()]

    def current() -> SigningKey:
        if monotonic() - looked_at[0] >= LOOK_AGAIN:
            looked_at[0] = monotonic()
            stamp = _stamp(path)
            if stamp != seen[0]:
                with suppress(KeyFileError):  # gone or damaged: the key in memory is as good as before
                    held[0], seen[0] = load(folder, name), stamp
        return held[0]

    return current


def _beside(folder: Path, key: PublicKey) -> Path:
    return folder / f"{key.name}.{key.kid}.pub"


def _upcoming(folder: Path, name: str) -> Path:
    return folder / f"{name}.next.key"


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns
