"""Replicas that take in a model for the first time: from a store that is slow, or has lost it, or is asked by many."""

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from harness import configs
from harness.api import Api, Json
from harness.distributed import Distributed
from harness.objects import blob_key
from harness.promises import Figures
from harness.proxies import HeldAnswers, held_answers

BUCKET = "skyulf-pipeline"
BLOBS = f"GET /{BUCKET}/blobs/".encode()
REPLICAS = ("inference-api", "inference-api-2")
ROWS: list[Json] = [{"x": 6, "y": 4}]
CLIENTS = 16
LOOKS = 20


@pytest.mark.promise("R16")
def test_each_replica_fetches_each_object_of_a_cold_model_once(distributed: Distributed, figures: Figures) -> None:
    endpoint = distributed.s3.endpoint
    with held_answers(endpoint, BLOBS) as first, held_answers(endpoint, BLOBS) as second:
        first.release()
        second.release()
        with behind(distributed, dict(zip(REPLICAS, (first, second), strict=True))), distributed.project() as api:
            digest = trained(api, "cold")["digest"]

            with waiting(api, "cold") as refusals:
                assert api.deploy("cold", "cold", 1)["replicas"] == len(REPLICAS)

            objects = {path_of(each) for each in (digest, *digests(distributed, digest))}
            for store in (first, second):
                assert {path: store.asked[path] for path in objects} == dict.fromkeys(objects, 1)
    refused = sum(each.result() for each in refusals)
    figures(f"2 replicas, {CLIENTS} clients that wait ({refused} refusals): each of {len(objects)} objects once each")


@pytest.mark.promise("R13")
def test_a_model_that_arrives_late_is_waited_for_and_one_that_never_does_is_never_ready(
    distributed: Distributed, figures: Figures
) -> None:
    with held_answers(distributed.s3.endpoint, BLOBS) as store:
        settings = {"SKYULF_INFERENCE_ARTIFACT_PATIENCE_SECONDS": "2"}
        with behind(distributed, dict.fromkeys(REPLICAS, store), settings), distributed.project() as api:
            late = trained(api, "late")
            wanted = api.ok("POST", "/deployments", json={"name": "late", "model": "late", "version": 1})
            api.eventually(lambda: store.asked[path_of(late["digest"])] == len(REPLICAS), what="both have asked")

            seen = {status(api, "late") for _ in range(LOOKS)}
            assert seen <= {"pending", "loading"}
            store.release()
            assert api.deployment("late", revision=wanted["revision"])["status"] == "ready"
            assert ask(api, "late") == 200

            with lost(distributed, trained(api, "lost")["digest"]):
                wanted = api.ok("POST", "/deployments", json={"name": "lost", "model": "lost", "version": 1})
                began, states = time.monotonic(), [status(api, "lost")]
                while states[-1] not in ("ready", "failed"):
                    assert time.monotonic() - began < 60, states
                    states.append(status(api, "lost"))
                found = api.deployment("lost", revision=wanted["revision"])
                assert ask(api, "lost") == 503

            assert "ready" not in states
            assert (found["status"], found["error"]["code"]) == ("failed", "artifact-missing")
    figures("2 replicas, all objects late: ready when they came; a manifest lost: failed with a reason, never ready")


@contextmanager
def behind(
    distributed: Distributed, stores: Mapping[str, HeldAnswers], settings: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Restart replicas so that each reaches its objects by a way of ours, and again as they were."""
    replicas = [distributed.roles[name] for name in stores]
    before = [dict(replica.process.env) for replica in replicas]
    with distributed.without(*stores):
        for replica, store in zip(replicas, stores.values(), strict=True):
            replica.process.env.update({"SKYULF_S3_ENDPOINT": store.address, **(settings or {})})
    try:
        yield
    finally:
        with distributed.without(*stores):
            for replica, environment in zip(replicas, before, strict=True):
                replica.process.env.clear()
                replica.process.env.update(environment)


@contextmanager
def waiting(api: Api, name: str) -> Iterator[list["Future[int]"]]:
    """Many clients that ask a deployment until it answers; each says how often it was too early."""
    with ThreadPoolExecutor(CLIENTS) as pool:
        yield [pool.submit(too_early, api, name) for _ in range(CLIENTS)]


def too_early(api: Api, name: str) -> int:
    """Ask until there is an answer; returns how often there was none."""
    refused, deadline = 0, time.monotonic() + 60
    with api.with_headers() as client:
        while (answered := ask(client, name)) in (404, 503):
            assert time.monotonic() < deadline
            refused += 1
            time.sleep(0.02)
    assert answered == 200
    return refused


@contextmanager
def lost(distributed: Distributed, digest: str) -> Iterator[None]:
    """A manifest that is not in the store for the block."""
    data = distributed.objects.blob(BUCKET, digest)
    distributed.objects.remove(BUCKET, blob_key(digest))
    try:
        yield
    finally:
        distributed.objects.write(BUCKET, blob_key(digest), data)


def trained(api: Api, name: str) -> Json:
    """A new version, of data that no other model has seen."""
    rows = b"".join(b"%d,%d,%s\n" % (n, n % 3, b"yes" if n % 40 > 19 else b"no") for n in range(60))
    dataset = api.ready_dataset(b"x,y,label\n" + rows, name=name)
    return api.train(configs.tiny(), dataset["id"], register_as=name)


def digests(distributed: Distributed, digest: str) -> list[str]:
    """The digests of the files of a bundle."""
    return [entry["sha256"] for entry in distributed.objects.manifest(digest)["files"]]


def path_of(digest: str) -> str:
    """The path of a blob in requests."""
    return f"/{BUCKET}/{blob_key(digest)}"


def status(api: Api, name: str) -> str:
    """What is observed of a deployment, a moment later."""
    time.sleep(0.05)
    return str(api.ok("GET", f"/deployments/{name}")["status"])


def ask(api: Api, name: str) -> int:
    """Predict, and return the status."""
    return api.call("POST", f"/deployments/{name}/predict", json={"rows": ROWS}).status_code
