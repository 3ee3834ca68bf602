"""The data folder of the embedded form: one process at a time."""

import fcntl
import os
from pathlib import Path
from typing import IO

from skyulf_service.durable import make_folder


class HomeInUseError(Exception):
    """The data folder cannot be had: another process holds it, or it cannot be written."""


def in_use(home: Path) -> bool:
    """Whether a process holds the data folder."""
    try:
        with (home / ".lock").open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


class locked:
    """Holds the data folder for this process; the lock goes with the process, however it ends."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._file: IO[str] | None = None

    def __enter__(self) -> None:
        try:
            make_folder(self._home, 0o700)
            file = (self._home / ".lock").open("a+")
        except OSError as error:
            raise HomeInUseError(f"The data folder {self._home} cannot be written: {error.strerror}.") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            file.close()
            raise HomeInUseError(f"{self._home} is in use by process {holder}; stop it or set SKYULF_HOME.") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self._file = file

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
