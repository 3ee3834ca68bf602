"""Files and folders that a power cut does not take away: on disk before the next step."""

import errno
import os
from itertools import takewhile
from pathlib import Path


def settle(path: Path) -> None:
    """Bring a file, and its name, to the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
    sync_folder(path.parent)


def make_folder(folder: Path, mode: int = 0o777) -> None:
    """Make a folder and those above it that are missing; afterwards their names are on disk.

    ``mode`` is the folder's own; one that is there keeps what it has.
    """
    missing = list(takewhile(lambda each: not each.exists(), (folder, *folder.parents)))
    folder.mkdir(parents=True, exist_ok=True, mode=mode)
    for each in reversed(missing):
        sync_folder(each.parent)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, also that some are gone."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems cannot be asked, and nothing else can be done there
            raise
    finally:
        os.close(descriptor)
