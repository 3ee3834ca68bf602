"""Requests that are answered before they were read: read on for a while, so that the answer arrives.

A server that closes a connection with unread bytes in it resets it, and the reset destroys the answer on its way. A
client in the middle of an upload would see a broken pipe instead of a 413.
"""

import asyncio

from starlette.types import Message, Receive, Send

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

    async def answer(self, message: Message, send: Send) -> None:
        """Send a message of the answer; before the last one goes out, the rest of the request is read and dropped."""
        if self.complete or message["type"] != "http.response.body" or message.get("more_body", False):
            await send(message)
            return
        await send({**message, "more_body": True})
        await self._drain()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _drain(self) -> None:
        """Give up after a while, or when the client sends nothing more."""
        seen = 0
        try:
            async with asyncio.timeout(MOST_SECONDS):
                while not self.complete and seen < MOST_BYTES:
                    async with asyncio.timeout(MOST_SILENCE):
                        seen += len((await self.receive()).get("body", b""))
        except TimeoutError:
            return
