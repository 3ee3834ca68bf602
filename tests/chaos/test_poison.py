"""Records that nobody can handle: parked and listed, while good ones pass; replayed once the cause is mended."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from uuid import uuid4

import pytest
from harness import configs
from harness.api import Api, Json
from harness.distributed import Distributed
from harness.promises import Figures
from harness.records import JOBS, send
from harness.refusals import refused

COMPLETED = "io.skyulf.job.completed.v1"
PARKED_SECONDS = 10.0


@pytest.mark.promise("R6")
def test_garbage_is_parked_and_listed_while_good_events_pass(distributed: Distributed, figures: Figures) -> None:
    marker = uuid4().hex
    with distributed.admin() as admin, distributed.project() as api:
        dataset = api.ready_dataset(configs.tiny_data())
        before = {letter["id"] for letter in letters(admin)}
        began = time.monotonic()
        send(
            distributed.bootstrap,
            (b"\xff\xfe garbage " + marker.encode(), []),
            (b'{"cut": ' + marker.encode(), envelope(marker)),
            (json.dumps({"event_id": marker, "unexpected": marker}).encode(), envelope(marker)),
            (json.dumps({"padding": marker * 20_000}).encode(), envelope(marker)),
        )
        beside = queued(api, dataset["id"], register_as="good")
        # both read that topic, each at its own pace
        wanted = Counter(registry=4, gateway=4)
        admin.eventually(lambda: services(admin, marker) == wanted, what="four are parked", seconds=PARKED_SECONDS)
        seconds = time.monotonic() - began
        version = api.version_of(api.job(beside["id"]))
        passed = time.monotonic() - began
        found = parked(admin, marker)

        assert seconds <= PARKED_SECONDS
        assert version["version"] == 1
        assert {letter["topic"] for letter in found} == {JOBS}
        assert all(letter["reason"] and letter["error"] for letter in found)
        assert Counter(letter["service"] for letter in found) == wanted
        for letter in found:  # what cannot be read cannot be read a second time either
            place = f"/dead-letters/{letter['service']}/{letter['id']}"
            refused(admin.call("POST", f"{place}/replay"), 409)
            admin.ok("DELETE", place)
        assert parked(admin, marker) == []
        assert {letter["id"] for letter in letters(admin)} >= before
    figures(f"{len(found)} records parked within {seconds:.1f} s, a good run beside them {passed:.1f} s")


@pytest.mark.promise("R6")
def test_what_a_handler_refused_is_replayed_when_the_cause_is_mended(
    distributed: Distributed, figures: Figures
) -> None:
    with distributed.admin() as admin, distributed.project() as api:
        dataset = api.ready_dataset(configs.tiny_data())
        distributed.sql("registry", "ALTER TABLE models ADD CONSTRAINT mended_later CHECK (name <> 'poison')")
        try:
            # to its end, whatever the registry makes of it
            job = api.job(queued(api, dataset["id"], register_as="poison")["id"])
            began = time.monotonic()
            letter = admin.eventually(lambda: parked(admin, job["id"]), what="it is parked", seconds=PARKED_SECONDS)[0]
            seconds, began = time.monotonic() - began, time.monotonic()
            assert api.train(configs.tiny(), dataset["id"], register_as="good")["version"] == 1
            passed = time.monotonic() - began
            assert api.versions("poison") == []
            assert letter["id"] in command(admin, "list", "--json")
            place = f"/dead-letters/registry/{letter['id']}"
            refused(admin.call("POST", f"{place}/replay"), 409)
        finally:
            distributed.sql("registry", "ALTER TABLE models DROP CONSTRAINT mended_later")
        assert letter["type"] == COMPLETED
        assert "mended_later" in letter["error"]

        assert "handled" in command(admin, "replay", "registry", letter["id"])
        assert [version["lineage"]["job_id"] for version in api.versions("poison")] == [job["id"]]
        assert parked(admin, job["id"]) == []
        refused(admin.call("POST", f"{place}/replay"), 404)
        assert len(api.versions("poison")) == 1
    figures(f"an event that its handler refused parked within {seconds:.1f} s, a good run took {passed:.1f} s then")


def command(admin: Api, *arguments: str) -> str:
    """What ``skyulf dead-letters`` prints."""
    env = {**os.environ, "SKYULF_URL": admin.url, "SKYULF_API_KEY": str(admin.key)}
    words = [sys.executable, "-m", "skyulf_client.main", "dead-letters", *arguments]
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def queued(api: Api, dataset_id: str, *, register_as: str) -> Json:
    """Ask for a run of a new pipeline."""
    body = {"name": register_as, "config": configs.tiny(), "register_as": register_as}
    pipeline = api.ok("POST", "/pipelines", json=body)
    job: Json = api.ok("POST", f"/pipelines/{pipeline['id']}/runs", json={"dataset_id": dataset_id})
    return job


def letters(admin: Api) -> list[Json]:
    """All dead letters of all services."""
    page = admin.until("/dead-letters?limit=100", lambda found: found["unavailable"] == [])
    found: list[Json] = page["items"]
    return found


def parked(admin: Api, text: str) -> list[Json]:
    """The dead letters whose record holds a text."""
    return [letter for letter in letters(admin) if text in letter["value"]]


def services(admin: Api, text: str) -> Counter[str]:
    """How many records with a text each service has parked."""
    return Counter(letter["service"] for letter in parked(admin, text))


def envelope(marker: str) -> list[tuple[str, bytes]]:
    """The headers of an event as they should be."""
    attributes = {
        "ce_specversion": "1.0",
        "ce_id": str(uuid4()),
        "ce_type": COMPLETED,
        "ce_source": "/services/pipeline",
        "ce_subject": marker,
        "ce_time": "2026-01-01T00:00:00Z",
        "content-type": "application/json",
    }
    return [(name, value.encode()) for name, value in attributes.items()]
