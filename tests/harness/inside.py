"""Asking one process itself, past the gateway."""

from uuid import UUID

from skyulf_service.scope import Scope
from skyulf_service.signing.keys import load_or_create
from skyulf_service.signing.tokens import InternalTokenIssuer

from harness.api import Api
from harness.distributed import Distributed


def inside(distributed: Distributed, role: str, api: Api) -> Api:
    """A client of a role's process for a minute, in another client's project: with a token as the gateway makes them.

    The process takes it for somebody with all permissions there.
    """
    issuer = InternalTokenIssuer(load_or_create(distributed.keys_of("gateway"), "gateway"), "gateway")
    token = issuer.mint(role.split("-")[0], Scope(UUID(api.project_id), "key:inside", frozenset({"*"})))
    return Api(f"http://127.0.0.1:{distributed.roles[role].port}", token, project_id=api.project_id)
