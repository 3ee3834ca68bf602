"""Scratch folders of running work, and what dead processes left of theirs."""

import asyncio
import fcntl
import os
import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from skyulf_service.work.claims import Claim

_LOCK = ".lock"
_PREFIX = "process-"


class ScratchFolders:
    """Folders for work in progress: ``<root>/process-<pid>-<random>/<claim id>-<epoch>``.

    The process's folder is locked for as long as the process lives. The lock, not the pid, tells whether the owner
    is dead: in a container the pid of the next process is the same.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._own: Path | None = None
        self._lock: int | None = None

    def open(self) -> Path:
        """Create and lock this process's folder, remove those of dead processes, and return it. Blocks."""
        if self._own is None:
            name = f"{os.getpid()}-{secrets.token_hex(4)}"
            new = self._root / f".{name}"
            new.mkdir(parents=True, mode=0o700)
            self._lock = _locked(new)  # before it gets the name by which others look for leftovers
            self._own = new.rename(self._root / f"{_PREFIX}{name}")
            self._remove_leftovers()
        return self._own

    def close(self) -> None:
        """Remove this process's folder."""
        if self._own is not None and self._lock is not None:
            shutil.rmtree(self._own, ignore_errors=True)
            os.close(self._lock)
            self._own = self._lock = None

    @asynccontextmanager
    async def folder(self, claim: Claim) -> AsyncIterator[Path]:
        """Use an empty folder for one claim; it is removed afterwards, whatever happens."""
        own = await asyncio.to_thread(self.open)
        path = own / f"{claim.id}-{claim.epoch}"
        await asyncio.to_thread(path.mkdir, mode=0o700)
        try:
            yield path
        finally:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, path, ignore_errors=True))

    def _remove_leftovers(self) -> None:
        for folder in self._root.glob(f"{_PREFIX}*"):
            if folder == self._own:
                continue
            try:
                lock = _locked(folder)
            except OSError:
                continue  # its owner lives, or another process removes it
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def _locked(folder: Path) -> int:
    descriptor = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
