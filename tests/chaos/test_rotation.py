"""Keys are rotated under predictions: nobody notices, and what old keys have signed still loads."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from harness.api import Api
from harness.constants import ROWS, always_answered, check, opposites
from harness.distributed import SERVICES, Distributed
from harness.embedded import Embedded
from skyulf_service.signing.rotation import distrust, trusted

SETTLED = 2.5  # processes look at their keys once a second


def rotate(keys: Path, *words: str) -> list[str]:
    command = [sys.executable, "-m", "skyulf_standalone", "rotate-keys", *words]
    env = {**os.environ, "SKYULF_KEYS_DIR": str(keys), "SKYULF_HOME": str(keys)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return [line.split()[0] for line in done.stdout.splitlines()]


def signing(keys: Path) -> str:
    """The key that the gateway signs with, by its id."""
    return next(each.key.kid for each in trusted(keys, "gateway") if each.current)


def go_on(answers: list[int]) -> None:
    """Let every process see the change, and be asked afterwards."""
    time.sleep(SETTLED)
    seen = len(answers)
    Api.eventually(lambda: len(answers) > seen, what="predictions go on")


def somebody_new_is_answered(api: Api) -> None:
    """Tokens are kept for a while; that of somebody who has never asked is signed and believed with the keys of now."""
    key = api.ok("POST", "/api-keys", json={"name": "new", "scopes": ["owner"]})["key"]
    with Api(api.url, key, project_id=api.project_id) as new:
        assert check(new.predict("rotated", ROWS)) == 1


def test_rotation_in_one_folder_is_not_noticed(embedded: Embedded) -> None:
    api, keys = embedded.project(), embedded.home / "keys"
    opposites(api, "rotated")
    api.deploy("rotated", "rotated", 1)

    with always_answered(api, "rotated") as answers:
        old = signing(keys)
        for service in ("gateway", "pipeline"):
            rotate(keys, service)
            go_on(answers)
        distrust(keys, "gateway", old)
        go_on(answers)
        somebody_new_is_answered(api)

    assert set(answers) == {1}
    again = api.deploy("rotated", "rotated", 2)  # signed with the old key, loaded with the new ones beside it
    assert again["status"] == "ready", again


def test_rotation_in_many_folders_is_not_noticed(distributed: Distributed) -> None:
    api = distributed.project()
    opposites(api, "rotated")
    api.deploy("rotated", "rotated", 1)

    with always_answered(api, "rotated") as answers:
        own = distributed.keys_of("gateway")
        rotate(own, "gateway", "--prepare")
        for service in SERVICES:  # the public half is everywhere before the private one signs
            for path in own.glob("gateway.*.pub"):
                if service != "gateway":
                    shutil.copy(path, distributed.keys_of(service))
        old = signing(own)
        rotate(own, "gateway")
        go_on(answers)
        for service in SERVICES:
            distrust(distributed.keys_of(service), "gateway", old)
        go_on(answers)
        somebody_new_is_answered(api)

    assert set(answers) == {1}
