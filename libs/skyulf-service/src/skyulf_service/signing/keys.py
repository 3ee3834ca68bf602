"""Ed25519 keys in files: ``<name>.key`` (0600) for its owner, ``<name>.pub`` for everybody."""

import hashlib
import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

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

LOOK_AGAIN = 1.0  # seconds

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

    Keys of a folder follow it: an id that is not known is looked for there again, once a second at most, because a
    service that starts later makes its key later.
    """

    def __init__(self, keys: Iterable[PublicKey], *, reload: Callable[[], Iterable[PublicKey]] | None = None) -> None:
        self._keys = {key.kid: key for key in keys}
        self._reload = reload
        self._looked_at = monotonic()

    @classmethod
    def load(cls, folder: Path, names: Iterable[str] | None = None) -> "PublicKeys":
        """Read ``<name>.pub`` of the given owners, or of all in the folder; `KeyFileError` where one is missing."""
        chosen = None if names is None else tuple(names)

        def read() -> list[PublicKey]:
            wanted = sorted(path.stem for path in folder.glob("*.pub")) if chosen is None else chosen
            return [_read_public(folder / f"{_checked(name)}.pub", name) for name in wanted]

        return cls(read(), reload=read)

    def get(self, kid: str) -> PublicKey | None:
        """Return the key with this id."""
        if kid not in self._keys and self._reload is not None and monotonic() - self._looked_at >= LOOK_AGAIN:
            self._looked_at = monotonic()
            with suppress(KeyFileError):
                self._keys = {key.kid: key for key in self._reload()}
        return self._keys.get(kid)

    def __iter__(self) -> Iterator[PublicKey]:
        return iter(list(self._keys.values()))

    def __len__(self) -> int:
        return len(self._keys)


def load_public(folder: Path) -> PublicKeys:
    """Read all public keys of a folder, and follow it."""
    return PublicKeys.load(folder)


def load_or_create(folder: Path, name: str) -> SigningKey:
    """Return the key of ``name``, made at the first call; several processes may call at once and get the same one.

    Raises `KeyFileError` where the file is damaged or readable by others.
    """
    path = folder / f"{_checked(name)}.key"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        fresh = Ed25519PrivateKey.generate()
        pem = fresh.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        _publish(path, pem, mode=0o600, replace=False)
    key = _read_private(path, name)
    pem = key.public.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    public = folder / f"{name}.pub"
    if not public.exists() or public.read_bytes() != pem:
        _publish(public, pem, mode=0o644, replace=True)
    return key


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name for a key: lower-case letters, digits, . _ -")
    return name


def _publish(path: Path, data: bytes, *, mode: int, replace: bool) -> None:
    """Write a whole file or none. Without ``replace`` the first of several writers wins: linking never overwrites."""
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
            try:
                os.link(aside, path)
            except FileExistsError:
                return
    finally:
        aside.unlink(missing_ok=True)


def _read_private(path: Path, name: str) -> SigningKey:
    if path.stat().st_mode & 0o077:
        raise KeyFileError(f"{path} can be read by others; run: chmod 600 {path}")
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise KeyFileError(f"{path} holds no key; restore it from a backup, or remove it to get a new one") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"{path} holds a key of another kind; Ed25519 is needed")
    return SigningKey.of(name, key)


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
