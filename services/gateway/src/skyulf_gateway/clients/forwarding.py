"""The port to the services behind the gateway, and what both forms have in common."""

from typing import Protocol

from starlette.types import Receive, Scope, Send

from skyulf_gateway.domain.errors import UnknownServiceError


class Forwarder(Protocol):
    """Hands a request to a service and its answer back, streaming both ways.

    The scope's headers are already those that the service shall see. Raises `UnavailableError` where the service is
    away, `BadGatewayError` where it broke off and `GatewayTimeoutError` where it keeps silent, all before an answer
    began; afterwards `AnswerCutOffError`, upon which the client's connection must be cut too.
    """

    @property
    def services(self) -> frozenset[str]:
        """The names of the services that can be reached."""
        ...

    async def forward(self, service: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward one request."""
        ...


class Combined:
    """One forwarder made of several; the first that knows a service gets its requests."""

    def __init__(self, *forwarders: Forwarder) -> None:
        self._by_name = {name: each for each in reversed(forwarders) for name in each.services}

    @property
    def services(self) -> frozenset[str]:
        """The names of all services."""
        return frozenset(self._by_name)

    async def forward(self, service: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward one request."""
        forwarder = self._by_name.get(service)
        if forwarder is None:
            raise unknown(service)
        await forwarder.forward(service, scope, receive, send)


class AnswerCutOffError(Exception):
    """A service broke off in the middle of its answer; what the client has got must not look whole."""


def unknown(service: str) -> UnknownServiceError:
    """The error for a name that no service has."""
    return UnknownServiceError(f"There is no service {service!r} behind this gateway.")
