"""Disks small enough to be filled: a file system in memory, in a mount namespace of its own."""

import errno
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from skyulf_service.testing.ports import wait_until
from skyulf_service.testing.processes import kill_tree, spawn

BLOCK = 64 * 1024
FILL_SECONDS = 0.05
# the last line tells that the disk is there, and keeps its namespace for as long as the process lives
HELD = 'mount -t tmpfs -o size="$0" none "$1" && mkdir "$1/kept" && : > "$1/ballast" && exec sleep infinity'


class SmallDisk:
    """Nobody else sees it: whoever is to use it reaches `kept`, an empty folder of ``user``, through ``/proc``."""

    def __init__(self, size: str, *, folder: Path, user: str | None = None) -> None:
        mounted = Path(tempfile.gettempdir())  # there is one everywhere, and over it nothing of ours is hidden
        # as the root of a user namespace: it takes no rights
        unshare = shutil.which("unshare") or "unshare"
        command = [unshare, "--map-root-user", "--mount", "sh", "-c", HELD, size, str(mounted)]
        log = folder / "small-disk.log"
        self._holder = spawn(command, log=log, cwd=Path("/"), user=user)
        self._root = Path(f"/proc/{self._holder.pid}/root{mounted}")
        try:
            wait_until(self._is_there, what="a small disk", timeout=20, alive=self._is_held)
        except (RuntimeError, TimeoutError) as error:
            raise type(error)(f"{error}\n{log.read_text(errors='replace')}") from None

    @property
    def kept(self) -> Path:
        """The folder for whoever uses the disk."""
        return self._root / "kept"

    @contextmanager
    def full(self) -> Iterator[None]:
        """Leave not a byte for as long as the block takes, also of what is given back meanwhile."""
        over = threading.Event()
        # root may not make a file in a namespace of another user, but write into one
        with (self._root / "ballast").open("r+b", buffering=0) as ballast:
            pour(ballast)
            thread = threading.Thread(target=_keep_full, args=(ballast, over), name="filling")
            thread.start()
            try:
                yield
            finally:
                over.set()
                thread.join()
                ballast.truncate(0)

    def close(self) -> None:
        """Give it up with all that lies on it."""
        kill_tree(self._holder)

    def _is_held(self) -> bool:
        return self._holder.poll() is None

    def _is_there(self) -> bool:
        return (self._root / "ballast").exists()


def fill(path: Path) -> None:
    """Write a file until there is not a byte left."""
    with path.open("wb", buffering=0) as file:
        pour(file)


def pour(file: BinaryIO) -> None:
    """Write on until there is not a byte left."""
    for size in (BLOCK, 1):
        try:
            while True:
                file.write(b"x" * size)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise


def _keep_full(ballast: BinaryIO, over: threading.Event) -> None:
    while not over.wait(FILL_SECONDS):
        pour(ballast)
