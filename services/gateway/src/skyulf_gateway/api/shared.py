"""What the gateway's endpoints share in one process."""

from dataclasses import dataclass

from skyulf_service.settings import Form

from skyulf_gateway.clients.neighbours import Neighbours
from skyulf_gateway.runtime.feed import Feed
from skyulf_gateway.runtime.identity import Identity
from skyulf_gateway.runtime.standing import Standing


@dataclass(frozen=True, slots=True)
class Shared:
    """Built once by the composition root. ``permissions`` are those that some operation of any service needs."""

    identity: Identity
    standing: Standing
    feed: Feed
    neighbours: Neighbours
    permissions: frozenset[str]
    version: str
    form: Form
