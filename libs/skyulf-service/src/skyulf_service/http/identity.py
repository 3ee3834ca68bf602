"""Who is asking: the identity behind a request or socket."""

from typing import Protocol, runtime_checkable

from starlette.requests import HTTPConnection

from skyulf_service.errors import UnauthenticatedError
from skyulf_service.scope import Scope

_IDENTITY = "skyulf.identity"


class TokenVerifier(Protocol):
    """Turns a bearer token into a scope, or raises `UnauthenticatedError`; `signing.tokens` has the internal one."""

    def verify(self, token: str) -> Scope:
        """Return the scope that the token carries."""
        ...


@runtime_checkable
class Authenticator(Protocol):
    """Finds the principal of a connection; the gateway has its own, for keys, sessions and tickets."""

    async def authenticate(self, connection: HTTPConnection) -> Scope:
        """Return the scope of the connection, or raise `UnauthenticatedError`."""
        ...

    def trusts(self, connection: HTTPConnection) -> bool:
        """Whether the caller is one of our own services, so that its request id is taken over."""
        ...


class BearerAuthenticator:
    """Internal tokens in ``Authorization: Bearer``."""

    def __init__(self, verifier: TokenVerifier) -> None:
        self._verifier = verifier

    async def authenticate(self, connection: HTTPConnection) -> Scope:
        """Return the scope of the bearer token."""
        return self._verifier.verify(bearer_token(connection))

    def trusts(self, connection: HTTPConnection) -> bool:
        """Whether the token is a good one: internal tokens are held by our own services only."""
        try:
            self._verifier.verify(bearer_token(connection))
        except UnauthenticatedError:
            return False
        return True


def bearer_token(connection: HTTPConnection) -> str:
    """Return the token of ``Authorization: Bearer``, or raise `UnauthenticatedError`."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise UnauthenticatedError("Send a token in the header Authorization, as: Bearer <token>.")
    return token.strip()


def as_authenticator(verifier: TokenVerifier | Authenticator) -> Authenticator:
    """Accept either a verifier of bearer tokens or a full authenticator."""
    if isinstance(verifier, Authenticator):
        return verifier
    return BearerAuthenticator(verifier)


async def identify(connection: HTTPConnection) -> Scope:
    """Return the scope of the connection, found once and then remembered for its length."""
    app, known = connection.scope.get(_IDENTITY, (None, None))
    # In one process the gateway hands its request on to a neighbour's app, which must look for itself.
    if app is connection.app and isinstance(known, Scope):
        return known
    authenticator: Authenticator = connection.app.state.authenticator
    found = await authenticator.authenticate(connection)
    connection.scope[_IDENTITY] = (connection.app, found)
    return found
