"""What makes a resource of an operation's class: one base for each client."""

from collections.abc import Coroutine
from typing import Any, TypeVar

from skyulf_client.operations import Steps
from skyulf_client.transport import AsyncTransport, BlockingTransport

T = TypeVar("T")


class BlockingResource:
    """Operations that block."""

    def __init__(self, transport: BlockingTransport) -> None:
        self.transport = transport

    def drive(self, steps: Steps[T]) -> T:
        """Do the steps."""
        return self.transport.run(steps)


class AsyncResource:
    """Operations that are awaited."""

    def __init__(self, transport: AsyncTransport) -> None:
        self.transport = transport

    def drive_async(self, steps: Steps[T]) -> Coroutine[Any, Any, T]:
        """Do the steps."""
        return self.transport.run(steps)
