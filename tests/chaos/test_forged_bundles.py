"""Bundles that an attacker inside has signed: nothing of them is ever executed."""

import json
import os
import pickle
from collections.abc import Callable
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from harness import configs
from harness.api import Json
from harness.distributed import Distributed
from harness.objects import blob_key
from harness.promises import Figures
from harness.records import send
from harness.stream import Seen, read_until
from harness.topics import Published, published
from skyulf_service.signing.keys import load_or_create
from skyulf_service.signing.manifest import sign_manifest

BUCKET = "skyulf-pipeline"
ROW = {"x": 3, "y": 4}


@pytest.mark.promise("R25")
def test_a_pickle_in_any_slot_of_a_signed_bundle_is_never_executed(
    distributed: Distributed, tmp_path: Path, figures: Figures
) -> None:
    canary = tmp_path / "executed"
    with distributed.project() as api:
        dataset = api.ready_dataset(configs.tiny_data())
        version = api.train(configs.tiny(), dataset["id"], register_as="forged")
        assert api.deploy("forged", "forged", 1)["status"] == "ready"
        good = api.predict("forged", [ROW])["probabilities"]
        files = distributed.objects.bundle(version["digest"])
        original = completed(distributed, version["lineage"]["job_id"])
        slots = sorted({*files, "plan.npy", "estimator/model.pkl"})

        for number, slot in enumerate(slots, start=2):
            forge = as_array if slot.endswith(".npy") else pickle.dumps
            register(distributed, version, original, {**files, slot: forge(Canary(canary))})
            api.eventually(lambda known=number: len(api.versions("forged")) == known, what="the forged version")
            found = api.deploy("forged", "forged", number)
            answer = api.predict("forged", [ROW])
            assert not canary.exists(), slot
            assert answer["probabilities"] == good
            if slot in ("plan.json", "golden.json", "background.json"):
                assert found["status"] == "failed", slot
                assert found["error"]["code"] == "artifact-unreadable"
                revision = found["revision"]
                told = read_until(api, lambda seen, revision=revision: bool(failures(seen, revision)))
                assert failures(told, revision) == ["artifact-unreadable"]
    figures(f"pickles signed by the right key in {len(slots)} slots, 0 canaries fired")


def failures(seen: list[Seen], revision: int) -> list[str]:
    """Why a revision failed, by each event that tells of it."""
    told = [each.data for each in seen if each.type == "deployment.failed"]
    return [one["error"]["code"] for one in told if one["revision"] == revision]


class Canary:
    """Unpickling it leaves a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self.path}",)


def as_array(canary: Canary) -> bytes:
    """The pickle as numpy would store an array of objects."""
    buffer = BytesIO()
    np.save(buffer, np.array([canary], object), allow_pickle=True)
    return buffer.getvalue()


def completed(distributed: Distributed, job_id: str) -> Published:
    """The event with which a job made its version."""
    kind = b"io.skyulf.job.completed.v1"
    found = published(distributed.bootstrap)
    return next(event for event in found if event.headers["ce_type"] == kind and event.key == job_id.encode())


def register(distributed: Distributed, version: Json, original: Published, files: dict[str, bytes]) -> None:
    """Sign a bundle with the pipeline's own key and tell the registry of it, as an attacker inside could."""
    manifest = distributed.objects.manifest(version["digest"])
    manifest["files"] = [
        {"path": path, "sha256": sha256(data).hexdigest(), "size": len(data)} for path, data in files.items()
    ]
    signed = sign_manifest(manifest, load_or_create(distributed.keys_of("pipeline"), "pipeline"))
    for data in [*files.values(), signed]:
        distributed.objects.write(BUCKET, blob_key(sha256(data).hexdigest()), data)
    digest, job, event = sha256(signed).hexdigest(), str(uuid4()), str(uuid4())
    artifact = {"bucket": BUCKET, "key": blob_key(digest), "size": len(signed), "digest": digest}
    body = {**json.loads(original.value), "job_id": job, "event_id": event, "artifact": artifact}
    headers = {**original.headers, "ce_id": event.encode(), "ce_subject": job.encode()}
    send(distributed.bootstrap, (json.dumps(body).encode(), list(headers.items())))
