"""New keys for old ones, without a moment in which anybody is refused."""

from collections.abc import Callable, Mapping
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
    public_files,
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

    Where services have folders of their own, the public file has to be in all of them before `rotate`. Raises
    `KeyFileError` in a folder without the service's private key.
    """
    load(folder, name)  # where only public keys lie, a private one would be made that nobody else trusts
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
    """Trust nothing any more that was signed with this key. Also where only public keys lie; a key is never made.

    Raises `KeyFileError`, and changes nothing, where it is not trusted, or is the current or only one.
    """
    signing = _signing(folder, name)
    if signing is not None and signing.kid == kid:
        raise KeyFileError(f"{kid} is the current key of {name}: rotate first")
    files = public_files(folder, [name])
    if kid not in {key.kid for key in files.values()}:
        raise KeyFileError(f"{kid} is no key that is trusted for {name}")
    first = folder / f"{name}.pub"
    if files[first].kid == kid:  # only public keys lie here, and the next one was copied beside: it takes the place
        write_public(first, signing.public if signing is not None else _heir(files, name, kid))
    upcoming = _upcoming(folder, name)
    if upcoming.exists() and SigningKey.of(name, load(folder, upcoming.stem).key).kid == kid:
        upcoming.unlink()
    for path, key in files.items():
        if path != first and key.kid == kid:
            path.unlink()


def _heir(files: Mapping[Path, PublicKey], name: str, kid: str) -> PublicKey:
    """Another key that is trusted, the one that was copied here last."""
    others = [path for path, key in files.items() if key.kid != kid]
    if not others:
        raise KeyFileError(
            f"{kid} is the only key that is trusted for {name}: copy the public file of the next one here"
        )
    return files[max(others, key=lambda path: path.stat().st_mtime_ns)]


def _signing(folder: Path, name: str) -> SigningKey | None:
    return load(folder, name) if (folder / f"{name}.key").exists() else None


def trusted(folder: Path, name: str) -> list[Trusted]:
    """The keys that are trusted for a service, the current one first."""
    current = PublicKeys.load(folder, [name])
    signing = _signing(folder, name)
    kid = signing.kid if signing is not None else None
    return sorted((Trusted(key, key.kid == kid) for key in current), key=lambda each: not each.current)


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
