"""Internal tokens: how one service shows another on whose behalf it asks. JWT, Ed25519, valid for a minute."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import time
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from joserfc.jws import JWSRegistry

from skyulf_service.errors import UnauthenticatedError
from skyulf_service.scope import Scope
from skyulf_service.signing.keys import PublicKey, PublicKeys, SigningKey

LIFETIME = 60
MINT_CACHED = 30
LEEWAY = 5
ALGORITHM = "Ed25519"
GATEWAY = "gateway"
MOST_CACHED = 4096
MOST_CHARACTERS = 8192

Clock = Callable[[], float]


@dataclass(slots=True)
class _Recent:
    """The last few values, each until its moment; those that were not asked for the longest go first."""

    clock: Clock
    entries: "OrderedDict[object, tuple[float, object]]" = field(default_factory=OrderedDict)

    def get(self, key: object) -> object | None:
        found = self.entries.get(key)
        if found is None:
            return None
        until, value = found
        if self.clock() >= until:
            self.entries.pop(key, None)
            return None
        self.entries.move_to_end(key)
        return value

    def put(self, key: object, value: object, until: float) -> None:
        # nobody asks for a token again that has ended: without this, dead ones would fill the memory up to its limit
        while self.entries and (self._is_over() or len(self.entries) >= MOST_CACHED):
            self.entries.popitem(last=False)
        self.entries[key] = (until, value)

    def _is_over(self) -> bool:
        """Whether the value that was not asked for the longest has had its moment."""
        until, _ = next(iter(self.entries.values()))
        return self.clock() >= until


class InternalTokenIssuer:
    """Mints tokens in the name of one service. A key that may be rotated is asked for, token by token."""

    def __init__(self, key: SigningKey | Callable[[], SigningKey], issuer: str, *, clock: Clock = time) -> None:
        self._current: Callable[[], SigningKey] = key if callable(key) else lambda: key
        self._issuer = issuer
        self._clock = clock
        self._use(self._current())
        self._registry = JWSRegistry(algorithms=[ALGORITHM])

    def mint(self, audience: str, scope: Scope) -> str:
        """Return a token for ``audience`` that carries ``scope``; the same one again for 30 s (signing costs 58 µs)."""
        current = self._current()
        if current.kid != self._kid:
            self._use(current)
        known = self._minted.get((audience, scope))
        if isinstance(known, str):
            return known
        now = int(self._clock())
        claims: dict[str, object] = {
            "iss": self._issuer,
            "aud": audience,
            "sub": scope.subject,
            "iat": now,
            "exp": now + LIFETIME,
            "permissions": sorted(scope.permissions),
        }
        if scope.project_id is not None:
            claims["project"] = str(scope.project_id)
        token = jwt.encode({"alg": ALGORITHM, "kid": self._kid}, claims, self._key, registry=self._registry)
        self._minted.put((audience, scope), token, now + MINT_CACHED)
        return token

    def _use(self, key: SigningKey) -> None:
        self._key, self._kid = OKPKey.import_key(key.key), key.kid
        # trust in the key before may end at any moment, and in what it has signed with it
        self._minted = _Recent(self._clock)


@dataclass(frozen=True, slots=True)
class _Believed:
    """What a token says, and the id of the key that has signed it."""

    scope: Scope
    kid: str


class InternalTokenVerifier:
    """Believes tokens for one audience that were signed by the service they name as issuer.

    Only the gateway may speak for users and API keys; any other service speaks for itself (``service:<issuer>``).
    """

    def __init__(self, keys: PublicKeys, audience: str, *, clock: Clock = time) -> None:
        self._keys = keys
        self._imported: dict[str, OKPKey] = {}
        self._clock = clock
        self._verified = _Recent(clock)
        self._registry = JWSRegistry(algorithms=[ALGORITHM])
        self._claims = jwt.JWTClaimsRegistry(
            now=lambda: int(clock()),
            leeway=LEEWAY,
            iss={"essential": True},
            aud={"essential": True, "value": audience},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
        )

    def verify(self, token: str) -> Scope:
        """Return the scope, or raise `UnauthenticatedError`.

        The result is kept until the token ends, or trust in the key that has signed it.
        """
        known = self._verified.get(token)
        if isinstance(known, _Believed) and self._keys.get(known.kid) is not None:
            return known.scope
        if len(token) > MOST_CHARACTERS:
            raise _refused()
        try:
            issuer, claims = self._decode(token)
            self._claims.validate(claims)
            scope, expires = _scope(claims, issuer)
        except (JoseError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise _refused() from error
        self._verified.put(token, _Believed(scope, issuer.kid), expires + LEEWAY)
        return scope

    def _decode(self, token: str) -> tuple[PublicKey, dict[str, object]]:
        chosen: list[PublicKey] = []

        def choose(guest: object) -> OKPKey:
            header: Mapping[str, object] = guest.headers()  # type: ignore[attr-defined]  # joserfc's GuestProtocol
            public = self._keys.get(str(header["kid"]))
            if public is None:
                raise KeyError("an unknown key")
            chosen.append(public)
            return self._import(public)

        decoded = jwt.decode(token, choose, registry=self._registry)
        return chosen[0], dict(decoded.claims)

    def _import(self, public: PublicKey) -> OKPKey:
        if public.kid not in self._imported:
            self._imported[public.kid] = OKPKey.import_key(public.key)
        return self._imported[public.kid]


def _scope(claims: Mapping[str, object], issuer: PublicKey) -> tuple[Scope, float]:
    subject, permissions, project = claims["sub"], claims["permissions"], claims.get("project")
    if claims["iss"] != issuer.name:
        raise ValueError("signed by another service than the issuer")
    if issuer.name != GATEWAY and subject != f"service:{issuer.name}":
        raise ValueError("only the gateway speaks for others")
    if not isinstance(subject, str) or not subject or not isinstance(permissions, list):
        raise ValueError("claims of the wrong type")
    if not all(isinstance(permission, str) for permission in permissions):
        raise ValueError("claims of the wrong type")
    project_id = None if project is None else UUID(str(project))
    expires, issued = claims["exp"], claims["iat"]
    if not isinstance(expires, int) or not isinstance(issued, int) or expires - issued > LIFETIME:
        raise ValueError("valid for longer than internal tokens are")
    return Scope(project_id, subject, frozenset(permissions)), float(expires)


def _refused() -> UnauthenticatedError:
    return UnauthenticatedError("The token is not valid: it has expired, or was not made for this service.")
