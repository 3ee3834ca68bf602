"""Permissions ``<area>:<verb>``, and the roles that are sets of them."""

from collections.abc import Iterable

from skyulf_service.errors import FieldProblem

from skyulf_gateway.domain.errors import ScopeTooWideError, ScopeUnknownError

EVERYTHING = "*"

READS = frozenset({"datasets:read", "pipelines:read", "jobs:read", "models:read", "events:read", "projects:read"})
EDITS = frozenset(
    {
        "datasets:write",
        "datasets:delete",
        "pipelines:write",
        "pipelines:delete",
        "jobs:run",
        "models:write",
        "predictions:make",
    }
)
OPERATIONS = frozenset({"jobs:run", "models:deploy", "predictions:make"})
ADMINISTRATION = frozenset({"keys:read", "keys:write", "audit:read"})
# These reach beyond one project: besides the permission, the key must be one of the organisation.
ORGANISATION_WIDE = frozenset({"projects:write", "system:read", "system:operate"})

ROLES: dict[str, frozenset[str]] = {
    "viewer": READS,
    "operator": READS | OPERATIONS,
    "editor": READS | EDITS,
    "admin": READS | EDITS | OPERATIONS | ADMINISTRATION,
    "owner": frozenset({EVERYTHING}),
}
PERMISSIONS = READS | EDITS | OPERATIONS | ADMINISTRATION | ORGANISATION_WIDE


def expand(scopes: Iterable[str]) -> frozenset[str]:
    """The permissions that scopes stand for; a role stands for its set, ``*`` and ``owner`` for everything."""
    permissions = frozenset[str]().union(*(ROLES.get(scope, frozenset({scope})) for scope in scopes))
    return frozenset({EVERYTHING}) if EVERYTHING in permissions else permissions


def require_known(scopes: Iterable[str], *, known: frozenset[str] = PERMISSIONS) -> None:
    """Raise `ScopeUnknownError` naming every scope that is neither a role nor a known permission."""
    unknown = [
        FieldProblem(f"/scopes/{index}", f"{scope!r} is neither a permission nor a role", "scope-unknown")
        for index, scope in enumerate(scopes)
        if scope not in known and scope not in ROLES and scope != EVERYTHING
    ]
    if unknown:
        roles = ", ".join(sorted(ROLES))
        raise ScopeUnknownError(f"Use permissions such as 'datasets:read', or roles ({roles}).", errors=unknown)


def require_subset(scopes: Iterable[str], held: frozenset[str]) -> None:
    """Raise `ScopeTooWideError` unless everything that the scopes stand for is held."""
    wanted = expand(scopes)
    if EVERYTHING in held or wanted <= held:
        return
    missing = ", ".join(sorted(wanted - held))
    raise ScopeTooWideError(f"You do not hold these permissions yourself: {missing}.")


def allows(held: frozenset[str], permission: str) -> bool:
    """Whether the permission is held."""
    return permission in held or EVERYTHING in held
