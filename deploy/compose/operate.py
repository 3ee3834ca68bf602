"""The `skyulf` command in the container `operate`: ``operate.py doctor``.

With compose every service has a volume of its own with its private key and all public ones. Commands expect one folder:
here it is put together in memory, and what a command changed in it (a rotation, a restore) goes back to all volumes.
What another command changed there meanwhile stays.
"""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from skyulf_client.main import main as skyulf
from skyulf_service.ports import PORTS
from skyulf_service.settings import SharedSettings
from skyulf_service.signing.folders import bring_back, gather

VOLUMES = Path("/run/skyulf")


def main(arguments: Sequence[str], *, volumes: Path = VOLUMES) -> int:
    """Run a command and return its exit code."""
    shared = SharedSettings()
    folders = {service: volumes / service / "keys" for service in PORTS}
    before = gather(folders, shared.keys_folder)
    if key := first_key(shared.home):
        os.environ.setdefault("SKYULF_API_KEY", key)
    try:
        return skyulf(arguments)
    finally:
        bring_back(shared.keys_folder, folders, before=before)


def first_key(home: Path) -> str | None:
    """Return the key that the gateway made at its first start, as far as its home holds it still."""
    try:
        return str(json.loads((home / "credentials.json").read_text())["api_key"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
