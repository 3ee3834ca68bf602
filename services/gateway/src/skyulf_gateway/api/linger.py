"""The end of requests that are answered before they were read: read on for a while, so that the answer arrives.

A server that closes a connection with unread bytes in it resets it, and the reset destroys the answer on its way. A
client in the middle of an upload would see a broken pipe instead of a 413.
"""

import asyncio

from starlette.types import Message, Receive

MOST_SECONDS = 10.0
MOST_SILENCE = 2.0
MOST_BYTES = 2**30


class RequestBody:
    """A request's body as it comes in."""

    def __init__(self, headers: list[tuple[bytes, bytes]], receive: Receive) -> None:
        self._receive = receive
        self.complete = not any(name in (b"content-length", b"transfer-encoding") for name, _ in headers)

    async def receive(self) -> Message:
        """Receive the next message."""
        message = await self._receive()
        if message["type"] != "http.request" or not message.get("more_body", False):
            self.complete = True
        return message

    async def drain(self) -> None:
        """Read the rest and drop it; give up after a while, or when the client does not send any more."""
        seen = 0
        try:
            async with asyncio.timeout(MOST_SECONDS):
                while not self.complete and seen < MOST_BYTES:
                    async with asyncio.timeout(MOST_SILENCE):
                        seen += len((await self.receive()).get("body", b""))
        except TimeoutError:
            return
