import asyncio
import hashlib
import pickle
from collections import Counter
from pathlib import Path
from uuid import uuid4

import pytest
from harness.promises import Figures
from skyulf_inference.main import replica
from skyulf_service.objects.blobs import BlobRef, Blobs
from skyulf_service.objects.folder import FolderStore
from skyulf_service.signing.keys import SigningKey

PREDICT = "/api/v1/deployments/flights/predict"
BUCKET = "skyulf-pipeline"
ROW = {"row": {"a": 1.0, "b": "x"}}


async def _reason(inference) -> dict[str, str]:
    found = (await inference.client.get("/api/v1/deployments/flights/replicas")).json()["items"][0]
    return {"status": found["status"], "code": found["error_code"], "message": found["error_message"]}


@pytest.mark.promise("R25")
async def test_a_flipped_byte_in_any_file_is_refused_and_the_old_version_goes_on(
    inference, publish, deploy, announced, bundle, opposites, figures: Figures
):
    await deploy(await publish(opposites[0]))
    assert await announced(1) == ["ready"]
    store = inference.parts.objects(BUCKET)

    for revision, name in enumerate(sorted(bundle), start=2):
        artifact = await publish({**bundle, name: bundle[name] + b" "})
        manifest = await Blobs(store).get_bytes(_ref(artifact))
        assert name.encode() in manifest
        key = f"blobs/sha256/{_sha(bundle[name] + b' ')[:2]}/{_sha(bundle[name] + b' ')}"
        await store.put_bytes(key, _flip(bundle[name] + b" "))

        await deploy(artifact, revision=revision, version=2)

        assert (await announced(revision))[-1] == "failed"
        reason = await _reason(inference)
        assert reason["code"] == "artifact-changed"
        assert name in reason["message"]
        answer = (await inference.client.post(PREDICT, json=ROW)).json()
        assert (answer["model_version"], answer["deployment_revision"]) == (1, 1)
    figures(f"a byte flipped in each of {len(bundle)} files: {len(bundle)} refused")


async def test_a_flipped_byte_in_a_file_that_another_bundle_has_as_well_is_refused(
    inference, publish, deploy, announced, bundle
):
    await deploy(await publish(bundle))
    assert await announced(1) == ["ready"]
    store, name = inference.parts.objects(BUCKET), sorted(bundle)[0]
    key = f"blobs/sha256/{_sha(bundle[name])[:2]}/{_sha(bundle[name])}"
    artifact = await publish(bundle)

    await store.put_bytes(key, _flip(bundle[name]))
    for revision in (2, 3):  # the first failure leaves nothing that the second could take for good
        await deploy(artifact, revision=revision, version=2)
        assert (await announced(revision))[-1] == "failed"
        assert (await _reason(inference))["code"] == "artifact-changed"

    await store.put_bytes(key, bundle[name])
    await deploy(artifact, revision=4, version=2)
    assert (await announced(4))[-1] == "ready"


async def test_a_flipped_byte_in_the_manifest_is_refused(inference, publish, deploy, announced, bundle):
    artifact = await publish(bundle)
    store = inference.parts.objects(BUCKET)
    await store.put_bytes(artifact.key, _flip(await store.get_bytes(artifact.key)))

    await deploy(artifact)

    assert await announced(1) == ["failed"]
    assert (await inference.client.post(PREDICT, json=ROW)).status_code == 503


@pytest.mark.promise("R25")
async def test_an_older_manifest_in_the_place_of_a_newer_one_is_refused(
    inference, publish, deploy, announced, opposites, figures: Figures
):
    older, newer = [await publish(files) for files in opposites]
    await deploy(older)
    assert await announced(1) == ["ready"]
    store = inference.parts.objects(BUCKET)
    await store.put_bytes(newer.key, await store.get_bytes(older.key))  # signed by the right key, and whole

    await deploy(newer.model_copy(update={"size": older.size}), revision=2, version=2)

    assert (await announced(2))[-1] == "failed"
    assert (await _reason(inference))["code"] == "artifact-changed"
    answer = (await inference.client.post(PREDICT, json=ROW)).json()
    assert (answer["model_version"], answer["deployment_revision"]) == (1, 1)
    figures("an older version in the place of a newer one: refused")


@pytest.mark.promise("R25")
async def test_files_that_have_changed_places_are_refused(
    inference, publish, deploy, announced, bundle, figures: Figures
):
    artifact, store = await publish(bundle), inference.parts.objects(BUCKET)
    first, second = (BlobRef.of(_sha(bundle[name]), len(bundle[name])).key for name in ("plan.json", "golden.json"))
    swapped = await store.get_bytes(second), await store.get_bytes(first)
    for key, data in zip((first, second), swapped, strict=True):
        await store.put_bytes(key, data)

    await deploy(artifact)

    assert await announced(1) == ["failed"]
    assert (await _reason(inference))["code"] == "artifact-changed"
    figures("2 files of a bundle in each other's place: refused")


@pytest.mark.promise("R25")
async def test_a_foreign_signature_and_a_foreign_project_are_refused(
    inference, publish, deploy, announced, bundle, figures: Figures
):
    await deploy(await publish(bundle, key=SigningKey.generate("pipeline")))
    assert await announced(1) == ["failed"]
    assert (await _reason(inference))["code"] == "artifact-untrusted"

    await deploy(await publish(bundle, project=uuid4()), revision=2)
    assert await announced(2) == ["failed", "failed"]
    assert (await _reason(inference))["code"] == "artifact-foreign"
    figures("a foreign signature and a foreign project: 2 of 2 refused")


class Canary:
    """Touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.promise("R25")
async def test_a_signed_pickle_in_any_slot_is_never_executed(
    inference, publish, deploy, announced, bundle, tmp_path, figures: Figures
):
    canary = tmp_path / "fired"
    assert pickle.loads(pickle.dumps(Canary(canary))) is None
    assert canary.exists(), "the canary works"
    canary.unlink()

    for revision, name in enumerate(sorted(bundle), start=1):
        planted = await publish({**bundle, name: pickle.dumps(Canary(canary))})  # signed by the right key, even
        await deploy(planted, revision=revision)
        await announced(revision)

    assert not canary.exists()
    figures(f"signed pickles in {len(bundle)} slots: 0 canaries fired")


@pytest.mark.promise("R13")
async def test_a_late_object_is_waited_for_and_a_missing_one_is_a_clean_failure(
    inference, publish, deploy, announced, bundle, figures: Figures
):
    artifact = await publish(bundle)
    store = inference.parts.objects(BUCKET)
    data = await store.get_bytes(artifact.key)
    await store.delete(artifact.key)

    await deploy(artifact)
    await asyncio.sleep(0.3)
    await store.put_bytes(artifact.key, data)
    assert await announced(1) == ["ready"]

    missing = await publish(bundle)
    await store.delete(missing.key)
    await deploy(missing, revision=2)
    assert await announced(2) == ["ready", "failed"]
    assert (await _reason(inference))["code"] == "artifact-missing"
    figures("an object 0.3 s late: ready; 1 missing: failed with a reason, never ready")


@pytest.mark.promise("R16")
async def test_many_requests_on_a_cold_model_load_it_once(
    inference, publish, deploy, bundle, monkeypatch, figures: Figures
):
    shelf, _, _ = replica(inference.parts)
    loads = 0
    plain = shelf._load

    async def counted(digest, load):
        nonlocal loads
        loads += 1
        return await plain(digest, load)

    fetched: Counter[str] = Counter()
    fetch, get_bytes = FolderStore.fetch, FolderStore.get_bytes

    async def noted(self, key, path, **options):
        fetched[key] += 1
        return await fetch(self, key, path, **options)

    async def noted_bytes(self, key, **options):
        fetched[key] += 1
        return await get_bytes(self, key, **options)

    monkeypatch.setattr(shelf, "_load", counted)
    monkeypatch.setattr(FolderStore, "fetch", noted)
    monkeypatch.setattr(FolderStore, "get_bytes", noted_bytes)
    await deploy(await publish(bundle))

    answers = await asyncio.gather(*(_until_ready(inference) for _ in range(500)))

    assert set(answers) == {200}
    assert loads == 1
    assert set(fetched.values()) == {1}
    assert len(fetched) == len(bundle) + 1, "its files and its manifest"
    figures(f"{len(answers)} requests on one cold model: 1 load, each of {len(fetched)} objects fetched once")


async def _until_ready(inference) -> int:
    async with asyncio.timeout(60):
        while (status := (await inference.client.post(PREDICT, json=ROW)).status_code) in (404, 503):
            await asyncio.sleep(0.5)
    return status


@pytest.mark.parametrize("path", ["../plan.json", "/plan.json", "a/../../plan.json"])
async def test_a_manifest_cannot_name_files_elsewhere(inference, publish, deploy, announced, bundle, path):
    await deploy(await publish({**bundle, path: b"{}"}))

    assert await announced(1) == ["failed"]
    assert (await _reason(inference))["code"] == "artifact-unreadable"


def _flip(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _ref(artifact):
    return BlobRef.of(artifact.digest, artifact.size)
