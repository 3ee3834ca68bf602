"""No more requests at a time than a service can be asked; the rest are told at once to come back."""

from starlette.types import Receive, Scope, Send

from skyulf_gateway.clients.forwarding import Forwarder
from skyulf_gateway.domain.errors import OverloadedError


class Bounded:
    """Hands requests on, at most so many at a time to each service.

    A request that waits costs memory and comes too late: its client has long given up, or tried again. So the one too
    many is refused with `OverloadedError` before its body is read.
    """

    def __init__(self, forwarder: Forwarder, most: int) -> None:
        self._forwarder = forwarder
        self._free = dict.fromkeys(forwarder.services, most)

    @property
    def services(self) -> frozenset[str]:
        """The names of the services behind it."""
        return self._forwarder.services

    async def forward(self, service: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward one request."""
        free = self._free.get(service)
        if free is None:  # unknown: refused behind, and never counted
            await self._forwarder.forward(service, scope, receive, send)
            return
        if free == 0:
            raise OverloadedError(f"The service {service} has more requests than it can answer; try again shortly.")
        self._free[service] -= 1
        try:
            await self._forwarder.forward(service, scope, receive, send)
        finally:
            self._free[service] += 1
