"""Packs as they are read from the bucket: put together while they are sent, every file verified on its way."""

import json
import tarfile
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import asdict, dataclass

from pydantic import BaseModel, JsonValue
from skyulf_service.objects.blobs import BlobRef, Blobs

from skyulf_pipeline.domain.jobs import Artifact, Outcome
from skyulf_pipeline.domain.packs import BUNDLE, FORMAT, REPORT, TRAINED
from skyulf_pipeline.persistence.reports import FILES

BLOCK = 512
END = bytes(2 * BLOCK)


class _File(BaseModel):
    path: str
    sha256: str
    size: int


class _Manifest(BaseModel):
    files: list[_File]


class _Envelope(BaseModel):
    manifest: _Manifest


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack that is ready to be sent. Its size is known before; a damaged file breaks it off before its end."""

    blobs: Blobs
    trained: bytes
    files: Mapping[str, BlobRef]

    @property
    def size(self) -> int:
        """The bytes of the whole pack."""
        sizes = {TRAINED: len(self.trained), **{name: ref.size for name, ref in self.files.items()}}
        return sum(len(_header(name, size)) + size + -size % BLOCK for name, size in sizes.items()) + len(END)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes, in order."""
        yield _header(TRAINED, len(self.trained)) + self.trained + bytes(-len(self.trained) % BLOCK)
        for name, ref in self.files.items():
            yield _header(name, ref.size)
            stream: AsyncGenerator[bytes, None] = self.blobs.open_stream(ref)
            async with aclosing(stream) as chunks:
                async for chunk in chunks:
                    yield chunk
            yield bytes(-ref.size % BLOCK)
        yield END


async def bundle_files(blobs: Blobs, artifact: Artifact) -> dict[str, BlobRef]:
    """The files that a signed manifest lists, by name. Raises `ObjectNotFoundError` where the manifest is gone."""
    ref = BlobRef(sha256=artifact.digest, size=artifact.size, key=artifact.key)
    listed = _Envelope.model_validate_json(await blobs.get_bytes(ref)).manifest.files
    return {file.path: BlobRef.of(file.sha256, file.size) for file in sorted(listed, key=lambda each: each.path)}


async def pack(blobs: Blobs, outcome: Outcome) -> Pack:
    """Put a pack together of what a job has made."""
    files = {f"{BUNDLE}/{name}": ref for name, ref in (await bundle_files(blobs, outcome.artifact)).items()}
    for form, file in (outcome.report or {}).items():
        files[f"{REPORT}/{FILES[form]}"] = BlobRef(sha256=file.sha256, size=file.size, key=file.key)
    return Pack(blobs, json.dumps(_said(outcome), allow_nan=False).encode(), files)


def _said(outcome: Outcome) -> dict[str, JsonValue]:
    """What is said of a model, without where it lies here."""
    said = {name: value for name, value in asdict(outcome).items() if name not in ("artifact", "evaluation", "report")}
    return {"format": FORMAT, **said}


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    return info.tobuf(tarfile.PAX_FORMAT)
