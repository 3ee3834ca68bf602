"""From a deployment's artifact to a model in memory. Nothing is trusted because of where it lies."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath

from pydantic import JsonValue
from skyulf_core.serving.explaining import PlanExplainer, load_explainer
from skyulf_core.serving.golden import GoldenMismatchError, replay
from skyulf_core.serving.ops import PlanError
from skyulf_core.serving.plan import load_plan
from skyulf_service.errors import TooLargeError, UnavailableError
from skyulf_service.objects.blobs import BlobRef, Blobs
from skyulf_service.objects.cache import BlobCache
from skyulf_service.objects.errors import DigestMismatchError, ObjectNotFoundError
from skyulf_service.objects.store import ObjectStore
from skyulf_service.signing.keys import PublicKeys
from skyulf_service.signing.manifest import UntrustedManifestError, verify_manifest

from skyulf_inference.domain.errors import ArtifactRefusedError
from skyulf_inference.domain.serving import Artifact
from skyulf_inference.runtime.models import LoadedModel

BUNDLE_FORMAT = "skyulf.bundle/1"
MAX_MANIFEST = 4 << 20
MAX_FILES = 10_000
MANIFEST = "the manifest"


@dataclass(frozen=True)
class ArtifactLoader:
    """Loads bundles through a verified disk cache; bytes are hashed as they are read, and only then used."""

    stores: Callable[[str], ObjectStore]
    cache: BlobCache
    trusted: Callable[[], PublicKeys]

    async def load(self, artifact: Artifact) -> LoadedModel:
        """Return the model, warmed by its golden rows. Raises `ArtifactRefusedError` with the reason.

        Whom the bundle belongs to is not asked here: `LoadedModel.require_project` is for every deployment of it.
        """
        blobs, ref = Blobs(self.stores(artifact.bucket)), _manifest_ref(artifact)
        # The manifest is kept last: where it is, the whole bundle was found good in its store, and the disk is enough.
        # A bundle that is new here is read from its store, also the files that other bundles have brought before.
        new = not await self.cache.holds(ref)
        data = await self._manifest(blobs, ref, new)
        manifest = self._verified(data)
        files: dict[str, bytes] = {}
        for path, file in _listed(manifest).items():
            files[path] = await self._bytes(blobs, file, path, afresh=new)
        explainer = await asyncio.to_thread(_load, files)
        if new:
            with _refusals(MANIFEST):
                await self.cache.keep(ref, data)
        return LoadedModel(artifact.digest, str(manifest.get("project_id")), explainer.model, explainer)

    async def _manifest(self, blobs: Blobs, ref: BlobRef, new: bool) -> bytes:
        if not new:
            return await self._bytes(blobs, ref, MANIFEST)
        with _refusals(MANIFEST):
            return await blobs.get_bytes(ref)

    def _verified(self, data: bytes) -> dict[str, JsonValue]:
        try:
            manifest = verify_manifest(data, self.trusted())
        except UntrustedManifestError as error:
            raise ArtifactRefusedError("artifact-untrusted", f"The manifest is not trusted: {error}") from error
        if manifest.get("format") != BUNDLE_FORMAT:
            raise ArtifactRefusedError("artifact-unreadable", f"The bundle's format is {manifest.get('format')!r}.")
        return manifest

    async def _bytes(self, blobs: Blobs, ref: BlobRef, name: str, *, afresh: bool = False) -> bytes:
        with _refusals(name):
            path = await self.cache.get(blobs, ref, afresh=afresh)
            data = await asyncio.to_thread(path.read_bytes)
            if hashlib.sha256(data).hexdigest() != ref.sha256:
                raise DigestMismatchError(f"{name} was damaged on the disk.")
        return data


@contextmanager
def _refusals(name: str) -> Iterator[None]:
    try:
        yield
    except (ObjectNotFoundError, FileNotFoundError) as error:
        raise ArtifactRefusedError("artifact-missing", f"An object is missing: {name}.", passing=True) from error
    except (DigestMismatchError, TooLargeError) as error:
        raise ArtifactRefusedError("artifact-changed", f"{name} was changed after it was signed.") from error
    except (UnavailableError, OSError) as error:
        raise ArtifactRefusedError("artifact-unreachable", f"{name} cannot be read now.", passing=True) from error


def _manifest_ref(artifact: Artifact) -> BlobRef:
    if artifact.size > MAX_MANIFEST:
        raise ArtifactRefusedError("artifact-unreadable", "The manifest is larger than manifests are.")
    return BlobRef.of(artifact.digest, artifact.size)


def _listed(manifest: Mapping[str, JsonValue]) -> dict[str, BlobRef]:
    listed = manifest.get("files")
    if not isinstance(listed, list) or len(listed) > MAX_FILES:
        raise ArtifactRefusedError("artifact-unreadable", "The manifest lists no files.")
    files: dict[str, BlobRef] = {}
    for entry in listed:
        match entry:
            case {"path": str(path), "sha256": str(sha256), "size": int(size)} if _is_inside(path):
                files[path] = BlobRef.of(sha256, size)
            case _:
                raise ArtifactRefusedError("artifact-unreadable", "The manifest names a file as it must not.")
    return files


def _is_inside(path: str) -> bool:
    parts = PurePosixPath(path)
    return not parts.is_absolute() and ".." not in parts.parts and "\\" not in path


def _load(files: Mapping[str, bytes]) -> PlanExplainer:
    try:
        model = load_plan(files)
        replay(model, json.loads(files["golden.json"]))
        return load_explainer(model, files)
    except GoldenMismatchError as error:
        raise ArtifactRefusedError("golden-mismatch", f"The model does not repeat its golden rows: {error}") from error
    except (PlanError, KeyError, ValueError, RecursionError) as error:
        raise ArtifactRefusedError("artifact-unreadable", f"The bundle cannot be loaded: {error}") from error
