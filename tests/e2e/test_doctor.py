"""`skyulf doctor` beside a running system of each form."""

import json
import os
import subprocess
import sys

from harness.distributed import Distributed
from harness.embedded import Embedded
from harness.form import Skyulf, quiet
from harness.operators import of_operators


def examined(running: Skyulf, settings: dict[str, str]) -> dict[str, dict[str, str]]:
    command = [sys.executable, "-m", "skyulf_standalone", "doctor", "--json", "--url", running.url]
    with running.admin() as admin:
        env = {**os.environ, **quiet(settings), "SKYULF_HOME": str(running.home), "SKYULF_API_KEY": str(admin.key)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout, done.stderr
    found = {finding["subject"]: finding for finding in json.loads(done.stdout)}
    assert done.returncode == (1 if any(each["state"] == "fail" for each in found.values()) else 0)
    return found


def test_one_process_is_sound(embedded: Embedded) -> None:
    found = examined(embedded, {})

    assert faults(found) == []
    assert "active" in found["deployments"]["text"] or "not served as wanted" in found["deployments"]["text"]
    assert found["round trip"]["state"] == "ok"
    assert "a relay works" in found["ingestion events"]["text"]
    with embedded.admin() as admin:
        names = [dataset["name"] for dataset in admin.ok("GET", "/datasets", params={"limit": 200})["items"]]
    assert not any(name.startswith("doctor-") for name in names)


def test_many_processes_are_sound(distributed: Distributed) -> None:
    found = examined(distributed, of_operators(distributed))

    assert faults(found) == []
    for subject in ("round trip", "kafka", "registry access", "gateway clock", "pipeline objects", "keys"):
        assert found[subject]["state"] == "ok", found[subject]


def faults(found: dict[str, dict[str, str]]) -> list[dict[str, str]]:
    """What failed, but for what other tests of the session do on purpose: park events, deploy what cannot be loaded."""
    on_purpose = ("dead letters", "deployments")
    return [each for each in found.values() if each["state"] == "fail" and not each["subject"].endswith(on_purpose)]
