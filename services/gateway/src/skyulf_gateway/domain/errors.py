"""Facts of the gateway's domain that stop a request, each with a sentence that a person can act on."""

from skyulf_service.errors import (
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    SkyulfError,
    UnavailableError,
)


class ScopeUnknownError(InvalidInputError):
    """A scope is neither a permission nor a role."""

    code = "scope-unknown"
    title = "There is no such permission or role"


class ScopeTooWideError(ForbiddenError):
    """A key would get a permission that its maker does not hold."""

    code = "scope-too-wide"
    title = "The key would be allowed more than its maker"


class OrganisationAdminRequiredError(ForbiddenError):
    """The operation reaches beyond one project, and the key does not."""

    code = "organisation-admin-required"
    title = "The key reaches one project only"


class ExpiryInThePastError(InvalidInputError):
    """A new key would have expired already."""

    code = "expiry-in-the-past"
    title = "The expiry lies in the past"


class SlugTakenError(ConflictError):
    """Another project of the organisation has the slug."""

    code = "slug-taken"
    title = "The slug is taken"


class KeyRevokedError(ConflictError):
    """The key was revoked already."""

    code = "key-revoked"
    title = "The key is revoked"


class OwnKeyError(ConflictError):
    """An organisation's admin key cannot revoke itself: the last one would lock everybody out."""

    code = "own-key"
    title = "The key cannot revoke itself"


class UnknownServiceError(NotFoundError):
    """No service of that name is known to the gateway."""

    title = "There is no such service"


class MethodNotAllowedError(SkyulfError):
    """The path exists, but not with this method; the answer's ``Allow`` names those that do."""

    code = "method-not-allowed"
    status = 405
    title = "Method not allowed"


class OverloadedError(UnavailableError):
    """A service has as many requests as it may have at a time; one more is refused before it is read."""

    code = "overloaded"
    title = "Too many requests at a time"


class BadGatewayError(SkyulfError):
    """A service behind the gateway broke off or answered something that is not HTTP."""

    code = "bad-gateway"
    status = 502
    title = "A service behind the gateway failed"


class GatewayTimeoutError(SkyulfError):
    """A service behind the gateway did not answer in time; it may still be at work."""

    code = "gateway-timeout"
    status = 504
    title = "A service behind the gateway did not answer in time"
