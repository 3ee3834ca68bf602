"""Ed25519 keys in files: ``<name>.key`` (0600) for its owner, ``<name>.pub`` for everybody.

An orchestrator that mounts a private key owns the file itself: it may then be read by the process's group (0440).
"""

import hashlib
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, time_ns

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from skyulf_service.durable import sync_folder

LOOK_AGAIN = 1.0  # seconds

SETTLED_NS = 10**9
_OTHER = re.compile(r"([a-z0-9][a-z0-9_-]{0,40})\.[0-9a-f]{16}\.pub")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


class KeyFileError(Exception):
    """A key file is missing, damaged, or open to others; the text names the file and what to do."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that verifies. ``name`` is whose it is, ``kid`` a short hash of its bytes."""

    name: str
    kid: str
    key: Ed25519PublicKey = field(repr=False)

    @classmethod
    def of(cls, name: str, key: Ed25519PublicKey) -> "PublicKey":
        """Name a key."""
        raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
        return cls(name, hashlib.sha256(raw).hexdigest()[:16], key)

    def verifies(self, signature: bytes, data: bytes) -> bool:
        """Whether the signature was made over exactly this data by this key's owner."""
        try:
            self.key.verify(signature, data)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that signs; its bytes never show in a representation."""

    public: PublicKey
    key: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def generate(cls, name: str) -> "SigningKey":
        """Make a new key."""
        return cls.of(name, Ed25519PrivateKey.generate())

    @classmethod
    def of(cls, name: str, key: Ed25519PrivateKey) -> "SigningKey":
        """Name a key."""
        return cls(PublicKey.of(name, key.public_key()), key)

    @property
    def name(self) -> str:
        """Whose key it is."""
        return self.public.name

    @property
    def kid(self) -> str:
        """The key's id."""
        return self.public.kid

    def sign(self, data: bytes) -> bytes:
        """Return the 64 bytes of signature."""
        return self.key.sign(data)


class PublicKeys:
    """The keys that somebody trusts, by id.

    Keys of a folder follow it, once a second at most, and at once for an id that is not known while the folder changes:
    a service that starts later makes its key later, keys are rotated, and trust in a key ends with its file.
    """

    def __init__(self, keys: Iterable[PublicKey], *, folder: Path | None = None, names: Sequence[str] | None = None):
        self._keys = {key.kid: key for key in keys}
        self._folder, self._names = folder, names
        self._looked_at, self._stamp = monotonic(), _stamp(folder)

    @classmethod
    def load(cls, folder: Path, names: Iterable[str] | None = None) -> "PublicKeys":
        """Read ``<name>.pub`` and what `rotation` keeps beside it, of the given owners, or of all in the folder.

        Raises `KeyFileError` where an owner has no key.
        """
        chosen = None if names is None else tuple(names)
        return cls(public_files(folder, chosen).values(), folder=folder, names=chosen)

    def get(self, kid: str) -> PublicKey | None:
        """Return the key with this id."""
        if self._folder is not None:
            self._follow(self._folder, known=kid in self._keys)
        return self._keys.get(kid)

    def _follow(self, folder: Path, *, known: bool) -> None:
        rested = monotonic() - self._looked_at >= LOOK_AGAIN
        if known and not rested:
            return
        stamp = _stamp(folder)
        unchanged = stamp is not None and stamp == self._stamp
        if unchanged and (known or not rested):
            return
        self._looked_at, self._stamp = monotonic(), stamp
        with suppress(KeyFileError):
            self._keys = {key.kid: key for key in public_files(folder, self._names).values()}

    def __iter__(self) -> Iterator[PublicKey]:
        return iter(list(self._keys.values()))

    def __len__(self) -> int:
        return len(self._keys)


def public_files(folder: Path, names: Sequence[str] | None = None) -> dict[Path, PublicKey]:
    """The files that say who is trusted: ``<name>.pub``, and beside it ``<name>.<kid>.pub``. Raises `KeyFileError`."""
    others = {path: found[1] for path in sorted(folder.glob("*.pub")) if (found := _OTHER.fullmatch(path.name))}
    wanted = sorted(path.stem for path in folder.glob("*.pub") if path not in others) if names is None else names
    owners = {folder / f"{_checked(name)}.pub": name for name in wanted}
    owners |= {path: name for path, name in others.items() if names is None or name in names}
    return {path: _read_public(path, name) for path, name in owners.items()}


def _stamp(folder: Path | None) -> int | None:
    """When files of the folder came or went; None where that was a moment ago and may still go on."""
    try:
        changed = folder.stat().st_mtime_ns if folder is not None else 0
    except OSError:
        return None
    return changed if time_ns() - changed > SETTLED_NS else None


def load_public(folder: Path, names: Iterable[str] | None = None) -> PublicKeys:
    """Read the public keys of the given owners, or of all in the folder, and follow it."""
    return PublicKeys.load(folder, names)


def load(folder: Path, name: str) -> SigningKey:
    """Return the key of ``name``; raises `KeyFileError` where there is none."""
    path = folder / f"{_checked(name)}.key"
    if not path.exists():
        raise KeyFileError(f"there is no key {path}")
    return _read_private(path, name)


def load_or_create(folder: Path, name: str) -> SigningKey:
    """Return the key of ``name``, made at the first call; several processes may call at once and get the same one.

    Raises `KeyFileError` where the file is damaged or readable by others.
    """
    path = folder / f"{_checked(name)}.key"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        write_private(path, SigningKey.generate(name), replace=False)
    key = _read_private(path, name)
    publish_public(folder, key)
    return key


def publish_public(folder: Path, key: SigningKey) -> None:
    """Write ``<name>.pub`` of a key into a folder, unless it is there."""
    write_public(folder / f"{key.name}.pub", key.public)


def write_private(path: Path, key: SigningKey, *, replace: bool) -> None:
    """Write a private key for its owner alone, whole or not at all. Without ``replace`` the first of several wins."""
    pem = key.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    publish(path, pem, mode=0o600, replace=replace)


def write_public(path: Path, key: PublicKey) -> None:
    """Write a public key, unless the file holds it already."""
    pem = key.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    if not path.exists() or path.read_bytes() != pem:
        publish(path, pem, mode=0o644, replace=True)


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name for a key: lower-case letters, digits, . _ -")
    return name


def publish(path: Path, data: bytes, *, mode: int, replace: bool) -> None:
    """Write a whole file or none; afterwards it is on disk, with its name.

    Without ``replace`` the first of several writers wins: linking never overwrites.
    """
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            aside.replace(path)
        else:
            with suppress(FileExistsError):
                os.link(aside, path)
    finally:
        aside.unlink(missing_ok=True)
    sync_folder(path.parent)


def _read_private(path: Path, name: str) -> SigningKey:
    if _is_open(path.stat()):
        raise KeyFileError(f"{path} can be read by others; run: chmod 600 {path}")
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise KeyFileError(f"{path} holds no key; restore it from a backup, or remove it to get a new one") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"{path} holds a key of another kind; Ed25519 is needed")
    return SigningKey.of(name, key)


def _is_open(status: os.stat_result) -> bool:
    """Whether more than the owner reads it; a group may where somebody else owns it, or this process could not."""
    is_mounted = status.st_uid != os.geteuid()
    return bool(status.st_mode & (0o037 if is_mounted else 0o077))


def _read_public(path: Path, name: str) -> PublicKey:
    try:
        key = load_pem_public_key(path.read_bytes())
    except OSError as error:
        raise KeyFileError(f"the public key {path} cannot be read: has {name} been started once?") from error
    except ValueError as error:
        raise KeyFileError(f"{path} holds no key") from error
    if not isinstance(key, Ed25519PublicKey):
        raise KeyFileError(f"{path} holds a key of another kind; Ed25519 is needed")
    return PublicKey.of(name, key)
