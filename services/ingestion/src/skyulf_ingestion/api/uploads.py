"""Receiving files: streamed into the object store, with a first look at their beginning."""

import unicodedata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated

from fastapi import Query, Request
from skyulf_service.errors import (
    FieldProblem,
    InvalidInputError,
    SkyulfError,
    UnsupportedTypeError,
    may_hide_commit,
)
from skyulf_service.http.idempotency import KnownAnswer
from skyulf_service.ids import new_id
from skyulf_service.objects.store import ObjectStore

from skyulf_ingestion.api.forms import FormFile
from skyulf_ingestion.child.errors import UnreadableFileError
from skyulf_ingestion.child.head import HEAD_BYTES, PARQUET_MAGIC, check_head
from skyulf_ingestion.domain.datasets import UPLOADS, Format, ReadOptions, Stored
from skyulf_ingestion.domain.errors import UnreadableUploadError
from skyulf_ingestion.service import Upload

FORMAT_OF_TYPE = {
    "text/csv": Format.CSV,
    "application/csv": Format.CSV,
    "text/plain": Format.CSV,
    "text/tab-separated-values": Format.CSV,
    "application/vnd.apache.parquet": Format.PARQUET,
    "application/x-parquet": Format.PARQUET,
}
FORMAT_OF_ENDING = {".csv": Format.CSV, ".tsv": Format.CSV, ".txt": Format.CSV, ".parquet": Format.PARQUET}
SEPARATOR = r"^[\t !#-/:-@\[-`{-~]$"
UNTYPED = {"", "application/octet-stream", "binary/octet-stream", "application/x-www-form-urlencoded"}


@dataclass(frozen=True, slots=True)
class UploadOptions:
    """What the address of an upload says of the file."""

    name: Annotated[
        str | None,
        Query(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$", description="Default: the file's name"),
    ] = None
    format: Annotated[Format | None, Query(description="Default: by media type, file name or content")] = None
    encoding: Annotated[str | None, Query(max_length=40, description="Default: byte order mark, else UTF-8")] = None
    separator: Annotated[
        str | None, Query(pattern=SEPARATOR, description="One ASCII sign or tab; default: detected")
    ] = None


@asynccontextmanager
async def receive_upload(request: Request, store: ObjectStore, options: UploadOptions) -> AsyncIterator[Upload]:
    """Store the request's file and yield what is known of it; the object is removed again if the block refuses it.

    Raises `UnsupportedTypeError`, `TooLargeError`, and `UnreadableUploadError` for what the first 256 KiB show.
    """
    file, media_type, file_name = await _file_of(request)
    key = f"{UPLOADS}{new_id()}"
    head = bytearray()
    try:
        stored = await store.put_stream(key, _watched(file, head))
        start = bytes(head[:HEAD_BYTES])
        kind = options.format or _format_of(media_type, file_name, start)
        whole = stored.size <= HEAD_BYTES
        separator = options.separator or ("\t" if media_type == "text/tab-separated-values" else None)
        _look_at(start, whole=whole, kind=kind, encoding=options.encoding, separator=separator)
    except BaseException:
        await store.delete(key)
        raise
    upload = Upload(
        name=options.name or PurePosixPath(file_name).stem or "dataset",
        format=kind,
        source=Stored(bucket=store.bucket, key=key, sha256=stored.sha256, size=stored.size),
        options=ReadOptions(encoding=options.encoding, separator=separator),
    )
    try:
        yield upload
    except (SkyulfError, KnownAnswer) as error:
        # A refusal was rolled back, and without a turn or room nothing is kept: under load most of what is sent again
        # would else lie there twice. Anything else (the database away, a cancelled request) may hide a commit that took
        # effect: the dataset would lose its bytes. Whether there is one the collector of orphans finds out.
        if isinstance(error, KnownAnswer) or not may_hide_commit(error):
            await store.delete(key)
        raise


async def _file_of(request: Request) -> tuple[AsyncIterator[bytes], str, str]:
    media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media_type != "multipart/form-data":
        return request.stream(), media_type, ""
    form = FormFile(request.headers["content-type"], request.stream())
    await form.open()
    return form.chunks(), form.media_type.split(";")[0].strip().lower(), _display_name(form.name)


def _display_name(sent: str) -> str:
    """A file's name without the folders that some browsers send. It is only shown, never used as a path."""
    name = PurePosixPath(sent.replace("\\", "/")).name
    if any(unicodedata.category(letter) == "Cc" for letter in name):
        problem = FieldProblem("/file", "has a name with control characters", "invalid-name")
        raise InvalidInputError("The file's name contains control characters; rename it.", errors=[problem])
    return "".join(letter for letter in name if letter.isprintable())[:255]


async def _watched(chunks: AsyncIterator[bytes], head: bytearray) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        if len(head) < HEAD_BYTES:
            head += chunk[: HEAD_BYTES - len(head)]
        yield chunk


def _format_of(media_type: str, file_name: str, head: bytes) -> Format:
    if media_type in FORMAT_OF_TYPE:
        return FORMAT_OF_TYPE[media_type]
    if media_type not in UNTYPED:
        known = ", ".join(sorted(FORMAT_OF_TYPE))
        raise UnsupportedTypeError(f"The media type {media_type!r} is not read; send one of {known}, or name `format`.")
    ending = PurePosixPath(file_name).suffix.lower()
    if ending in FORMAT_OF_ENDING:
        return FORMAT_OF_ENDING[ending]
    return Format.PARQUET if head.startswith(PARQUET_MAGIC) else Format.CSV


def _look_at(head: bytes, *, whole: bool, kind: Format, encoding: str | None, separator: str | None) -> None:
    try:
        check_head(head, whole=whole, kind=kind.value, encoding=encoding, separator=separator)
    except UnreadableFileError as error:
        if error.code == "wrong-format":
            raise UnsupportedTypeError(error.message) from error
        problem = FieldProblem("/body", error.message, error.code)
        raise UnreadableUploadError(error.message, errors=[problem]) from error
