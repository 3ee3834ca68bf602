"""Keys are rotated under predictions: nobody notices, and what old keys have signed still loads."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from harness.api import Api
from harness.constants import always_answered, opposites
from harness.distributed import SERVICES, Distributed
from harness.embedded import Embedded

SETTLED = 2.5  # processes look at their keys once a second


def rotate(keys: Path, *words: str) -> list[str]:
    command = [sys.executable, "-m", "skyulf_standalone", "rotate-keys", *words]
    env = {**os.environ, "SKYULF_KEYS_DIR": str(keys), "SKYULF_HOME": str(keys)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return [line.split()[0] for line in done.stdout.splitlines()]


def test_rotation_in_one_folder_is_not_noticed(embedded: Embedded) -> None:
    api, keys = embedded.project(), embedded.home / "keys"
    opposites(api, "rotated")
    api.deploy("rotated", "rotated", 1)

    with always_answered(api, "rotated") as answers:
        for service in ("gateway", "pipeline"):
            rotate(keys, service)
            time.sleep(SETTLED)
            seen = len(answers)
            Api.eventually(lambda seen=seen: len(answers) > seen, what="predictions go on")

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
        rotate(own, "gateway")
        time.sleep(SETTLED)
        seen = len(answers)
        Api.eventually(lambda: len(answers) > seen, what="predictions go on")

    assert set(answers) == {1}
