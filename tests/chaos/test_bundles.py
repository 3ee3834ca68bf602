"""Somebody tampers with stored models: they are not served, what is planted is not run, and the old version goes on."""

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from harness import constants
from harness.api import Api, Json
from harness.form import Skyulf
from harness.objects import blob_key
from harness.promises import Figures
from harness.stream import Seen, read_stream

BUCKET = "skyulf-pipeline"
MANIFEST = "the manifest"


class Canary:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


@pytest.mark.promise("R25")
def test_one_flipped_byte_anywhere_in_a_bundle_keeps_the_old_version_serving(skyulf: Skyulf, figures: Figures) -> None:
    with skyulf.project() as api:
        digests = prepared(skyulf, api)
        assert len(digests) > 5

        for name, digest in digests.items():
            data = skyulf.objects.blob(BUCKET, digest)
            middle = len(data) // 2
            flipped = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
            with planted(skyulf, {digest: flipped}):
                found = deployed(api)
                assert found["error"]["code"] == "artifact-changed"
                assert name in found["error"]["message"]
                assert_failure_was_announced(api, found)
                assert_old_version_serves(api, found)

        assert api.deploy("live", "tampered", 2)["status"] == "ready"
        assert constants.check(api.predict("live", constants.ROWS)) == 2
    figures(f"{skyulf.form}: a byte flipped in {len(digests)} of {len(digests)} objects: refused, version 1 went on")


@pytest.mark.promise("R25")
def test_a_pickle_in_the_place_of_a_models_files_is_never_run(skyulf: Skyulf, tmp_path: Path, figures: Figures) -> None:
    canary = tmp_path / "fired"
    harmful = pickle.dumps(Canary(canary))
    pickle.loads(harmful)
    assert canary.exists(), "the canary works"
    canary.unlink()

    with skyulf.project() as api:
        digests = prepared(skyulf, api)
        files = {name: digest for name, digest in digests.items() if name != MANIFEST}
        for slots in ([digests[MANIFEST]], list(files.values())):
            with planted(skyulf, dict.fromkeys(slots, harmful)):
                found = deployed(api)
                assert_failure_was_announced(api, found)
                assert_old_version_serves(api, found)

    assert not canary.exists()
    figures(f"{skyulf.form}: pickles in {len(digests)} slots, 0 canaries fired")


def prepared(skyulf: Skyulf, api: Api) -> dict[str, str]:
    """Serve version 1 of a model; returns the digests of version 2's files in the order in which they are read."""
    constants.opposites(api, "tampered")
    assert api.deploy("live", "tampered", 1)["status"] == "ready"
    newest = api.versions("tampered")[0]
    assert newest["version"] == 2
    files = skyulf.objects.manifest(newest["digest"])["files"]
    return {MANIFEST: newest["digest"]} | {entry["path"]: entry["sha256"] for entry in files}


@contextmanager
def planted(skyulf: Skyulf, blobs: dict[str, bytes]) -> Iterator[None]:
    """Put other bytes in the place of blobs, and the right ones back."""
    right = {digest: skyulf.objects.blob(BUCKET, digest) for digest in blobs}
    try:
        for digest, data in blobs.items():
            skyulf.objects.write(BUCKET, blob_key(digest), data)
        yield
    finally:
        for digest, data in right.items():
            skyulf.objects.write(BUCKET, blob_key(digest), data)


def deployed(api: Api) -> Json:
    """Deploy version 2; it must fail, on every replica."""
    found = api.deploy("live", "tampered", 2)
    assert found["status"] == "failed", found

    def all_said(replicas: Json) -> bool:
        newest = [replica for replica in replicas["items"] if replica["revision"] == found["revision"]]
        return len(newest) == int(replicas["live"])

    replicas = api.until("/deployments/live/replicas", all_said)["items"]
    assert {replica["status"] for replica in replicas} == {"failed"}, replicas
    return found


def assert_failure_was_announced(api: Api, found: Json) -> None:
    """The event stream tells of this revision's failure, with the same reason; of no other outcome."""

    def is_it(seen: Seen) -> bool:
        return seen.type.startswith("deployment.") and seen.data["revision"] == found["revision"]

    told = next(seen for seen in read_stream(api, quiet=20) if is_it(seen))
    assert told.type == "deployment.failed"
    assert (told.data["name"], told.data["status"]) == (found["name"], "failed")
    assert told.data["error"]["code"] == found["error"]["code"]
    assert told.data["error"]["message"] == found["error"]["message"]


def assert_old_version_serves(api: Api, found: Json) -> None:
    """Version 1 answers, and the deployment says so."""
    assert constants.check(api.predict("live", constants.ROWS)) == 1
    assert found["serving"]["version"] == 1
    assert (found["version"], found["desired"]) == (2, "active")
