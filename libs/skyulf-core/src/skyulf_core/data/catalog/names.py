"""Names of datasets as paths that stay below the root of a catalogue."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from skyulf_core.problems import DataError

_LONGEST = 200


def path_below(root: Path, name: str) -> Path:
    """Return the path of a name, which may lead through links but not out of `root`.

    Raises DataError (`invalid-name`) for absolute names, `..`, hidden parts and links that lead out.
    """
    parts = PurePosixPath(name).parts
    if not parts or name != "/".join(parts) or "\\" in name or not name.isprintable():
        raise _invalid(name, "write it as folder/file.csv")
    if any(part.startswith(".") for part in parts) or ":" in parts[0]:
        raise _invalid(name, "no part of it may be '..', hidden or a drive")
    if any(len(part.encode()) > _LONGEST for part in parts):
        raise _invalid(name, f"no part of it may be longer than {_LONGEST} bytes")
    path = root.joinpath(*parts)
    if not leads_inside(root, path):
        raise _invalid(name, "it leads out of the catalogue's folder")
    return path


def leads_inside(root: Path, path: Path) -> bool:
    """Say whether a path, all links followed, lies below `root` (links in a circle lie nowhere)."""
    try:
        return path.resolve().is_relative_to(root)
    except (OSError, RuntimeError):
        return False


def _invalid(name: str, why: str) -> DataError:
    return DataError(f"{name!r} is no name of a dataset: {why}", reason="invalid-name")


def files_below(root: Path, folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, sorted, without hidden ones and without links that lead out of `root`."""
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        for each in sorted(files):
            path = Path(here, each)
            if not each.startswith((".", "_")) and leads_inside(root, path):
                yield path
