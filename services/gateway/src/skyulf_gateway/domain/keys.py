"""API keys: ``sk_<prefix>_<secret>``. Only a hash of the secret is kept."""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from skyulf_service.errors import InvalidInputError

from skyulf_gateway.domain.errors import KeyRevokedError
from skyulf_gateway.domain.permissions import ORGANISATION_WIDE, allows, expand

_FORM = re.compile(r"sk_(?P<prefix>[a-z0-9]{12})_(?P<secret>[A-Za-z0-9_-]{43})")
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"


class Reach(StrEnum):
    """How far a key reaches: its project, or (for administrators) every project of the organisation."""

    PROJECT = "project"
    ORGANISATION = "organisation"


@dataclass(frozen=True, slots=True)
class KeyMaterial:
    """A key as its holder knows it. ``text`` is shown once; ``prefix`` finds it, the secret proves it."""

    prefix: str
    secret: str

    @classmethod
    def new(cls) -> "KeyMaterial":
        """Make a key of 256 random bits."""
        return cls("".join(secrets.choice(_ALPHABET) for _ in range(12)), secrets.token_urlsafe(32))

    @classmethod
    def parse(cls, text: str) -> "KeyMaterial | None":
        """Read a key, or return None when the text is not one."""
        match = _FORM.fullmatch(text)
        return cls(match["prefix"], match["secret"]) if match else None

    @classmethod
    def require(cls, text: str) -> "KeyMaterial":
        """Read a key, or raise `InvalidInputError`."""
        material = cls.parse(text)
        if material is None:
            raise InvalidInputError("An API key has the form sk_<12 characters a-z0-9>_<43 characters of base64url>.")
        return material

    @property
    def text(self) -> str:
        """The whole key."""
        return f"sk_{self.prefix}_{self.secret}"

    @property
    def digest(self) -> str:
        """SHA-256 of the secret in hex; 256 random bits need no slow hash."""
        return hashlib.sha256(self.secret.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a request comes from, as far as the door must know."""

    key_id: UUID
    project_id: UUID
    organisation_id: UUID
    permissions: frozenset[str]
    reach: Reach
    expires_at: datetime | None

    @property
    def subject(self) -> str:
        """The principal as scopes, audit and events name it."""
        return f"key:{self.key_id}"

    def may(self, permission: str) -> bool:
        """Whether the principal may do it; what reaches beyond one project needs a key of the organisation."""
        if permission in ORGANISATION_WIDE and self.reach is not Reach.ORGANISATION:
            return False
        return allows(self.permissions, permission)


@dataclass(slots=True)
class ApiKey:
    """A key of one project. ``scopes`` are permissions and roles as its maker named them."""

    id: UUID
    project_id: UUID
    organisation_id: UUID
    name: str
    prefix: str
    secret_hash: str
    created_by: str
    created_at: datetime
    updated_at: datetime
    scopes: list[str] = field(default_factory=list)
    reach: Reach = Reach.PROJECT
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    version: int = 1

    def matches(self, material: KeyMaterial) -> bool:
        """Whether the secret is the key's, compared in constant time."""
        return hmac.compare_digest(self.secret_hash, material.digest)

    def usable(self, now: datetime) -> bool:
        """Whether the key is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def revoke(self, now: datetime) -> None:
        """Take the key out of use for good. Raises `KeyRevokedError` when that is so already."""
        if self.revoked_at is not None:
            raise KeyRevokedError(f"The key {self.name!r} is revoked already.")
        self.revoked_at = now

    def principal(self) -> Principal:
        """The identity that the key stands for."""
        return Principal(
            key_id=self.id,
            project_id=self.project_id,
            organisation_id=self.organisation_id,
            permissions=expand(self.scopes),
            reach=self.reach,
            expires_at=self.expires_at,
        )
