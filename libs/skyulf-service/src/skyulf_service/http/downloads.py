"""Objects as answers: whole or cut off, never quietly wrong."""

from collections.abc import AsyncIterator

from fastapi.responses import StreamingResponse

from skyulf_service.objects.blobs import Blobs, StoredBlob


async def download(blobs: Blobs, ref: StoredBlob, media_type: str) -> StreamingResponse:
    """Answer with an object, as a file to be kept. A missing one raises `ObjectNotFoundError` before the answer."""
    chunks = verified(blobs, ref)
    first = await anext(chunks, b"")
    # as a header: a media type of text would be given a charset that nobody knows
    headers = {"Content-Type": media_type, "Content-Length": str(ref.size), "Content-Disposition": "attachment"}
    return StreamingResponse(_from(first, chunks), headers=headers)


async def verified(blobs: Blobs, ref: StoredBlob) -> AsyncIterator[bytes]:
    """An object's bytes, of which the last are only given when all of them are right."""
    held: bytes | None = None
    async for chunk in blobs.open_stream(ref):
        if held is not None:
            yield held
        held = chunk
    if held is not None:
        yield held


async def _from(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk
