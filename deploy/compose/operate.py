"""The `skyulf` command in the container `operate`: ``operate.py doctor``.

With compose every service has a volume of its own with its private key and all public ones, and the gateway keeps the
first admin key in its home. Commands expect one folder of keys and one home: the keys are put together in memory, the
home is a volume that only this container sees, because a restore unpacks all private keys in it and puts old ones aside
there. What a command changed (a rotation, a restore) goes back to all volumes; of a restore before the databases lose
the mark that keeps every role from starting. What another command changed there meanwhile stays; where both changed
keys of one service, this one says so and ends with 1.
"""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from skyulf_client.main import main as skyulf
from skyulf_service.durable import sync_folder
from skyulf_service.half_restored import before_marks_go
from skyulf_service.ports import PORTS
from skyulf_service.settings import SharedSettings
from skyulf_service.signing.folders import bring_back, gather
from skyulf_service.signing.keys import KeyFileError, publish

VOLUMES = Path("/run/skyulf")
GATEWAY_HOME = "gateway-home"
CREDENTIALS = "credentials.json"
OF_THE_GATEWAY = (CREDENTIALS, "skyulf.toml")


class Volumes:
    """What services have in volumes of their own, put together for a command."""

    def __init__(self, volumes: Path, shared: SharedSettings) -> None:
        self._folders = {service: volumes / service / "keys" for service in PORTS}
        self._keys, self._home, self._gateway = shared.keys_folder, shared.home, volumes / GATEWAY_HOME
        self._keys_before = gather(self._folders, self._keys)
        self._files_before = _files(self._gateway)
        if _files(self._home) != self._files_before:
            _replace(self._home, self._files_before)

    def bring_back(self) -> None:
        """Bring back what was changed since the last time, keys first; it is on disk then."""
        bring_back(self._keys, self._folders, before=self._keys_before)
        self._keys_before = {
            path.name: path.read_bytes() for path in [*self._keys.glob("*.key"), *self._keys.glob("*.pub")]
        }
        for folder in self._folders.values():
            sync_folder(folder)
        files = _files(self._home)
        if files != self._files_before:
            _replace(self._gateway, files)
        self._files_before = files


def main(arguments: Sequence[str], *, volumes: Path = VOLUMES) -> int:
    """Run a command and return its exit code."""
    shared = SharedSettings()
    there = Volumes(volumes, shared)
    if key := first_key(shared.home):
        os.environ.setdefault("SKYULF_API_KEY", key)
    try:
        with before_marks_go(there.bring_back):
            code = skyulf(arguments)
    finally:
        # a restore has done it, or was broken off where databases may still be the old ones
        is_back = "restore" in arguments or _brought_back(there)
    return code or int(not is_back)


def _brought_back(there: Volumes) -> bool:
    """Bring back what the command changed; says it where that is refused."""
    try:
        there.bring_back()
    except KeyFileError as error:
        sys.stderr.write(f"{error}\n")
        return False
    return True


def first_key(home: Path) -> str | None:
    """Return the key that the gateway made at its first start, as far as its home holds it still."""
    try:
        return str(json.loads((home / CREDENTIALS).read_text())["api_key"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _files(home: Path) -> dict[str, bytes]:
    return {name: (home / name).read_bytes() for name in OF_THE_GATEWAY if (home / name).is_file()}


def _replace(home: Path, files: dict[str, bytes]) -> None:
    """Let a home have these of the gateway's files, and no other of them."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in OF_THE_GATEWAY:
        if name in files:
            publish(home / name, files[name], mode=0o600, replace=True)
        else:
            (home / name).unlink(missing_ok=True)
    sync_folder(home)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
