"""Reading the files of a bundle, from a folder or from memory, without ever leaving it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Protocol

from skyulf_core.serving.ops.base import PlanError


class BundleFiles(Protocol):
    """Names to bytes."""

    def read(self, name: str) -> bytes:
        """Return a file's bytes. Raises PlanError where the name is unsafe or unknown."""


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn whatever malformed data makes Python or numpy raise into PlanError: a reader's caller expects one error."""
    try:
        yield
    except PlanError:
        raise
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, MemoryError, RecursionError) as error:
        raise PlanError(f"{what} is broken: {error!r}") from error


def safe_name(name: str) -> str:
    """Return a relative name as it is. Raises PlanError for one that could leave the folder."""
    parts = PurePosixPath(name).parts
    unsafe = not parts or name.startswith("/") or ".." in parts or "\\" in name or "\0" in name or ":" in name
    if unsafe:
        raise PlanError(f"file name {name!r} leaves the bundle")
    return name


class FolderFiles:
    """Files below one folder; links that lead out of it are refused."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def read(self, name: str) -> bytes:
        """Return a file's bytes."""
        path = (self._folder / safe_name(name)).resolve()
        if not path.is_relative_to(self._folder):
            raise PlanError(f"file {name!r} leaves the bundle")
        try:
            return path.read_bytes()
        except OSError as error:
            raise PlanError(f"the bundle's file {name!r} cannot be read: {error.strerror}") from error


class MemoryFiles:
    """Files that were read before."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    def read(self, name: str) -> bytes:
        """Return a file's bytes."""
        try:
            return self._files[safe_name(name)]
        except KeyError:
            raise PlanError(f"the bundle has no file {name!r}") from None


def open_files(source: Path | str | Mapping[str, bytes]) -> BundleFiles:
    """Return the files of a folder or a mapping."""
    return MemoryFiles(source) if isinstance(source, Mapping) else FolderFiles(Path(source))


def read_json(files: BundleFiles, name: str, *, format_name: str | None = None) -> dict[str, object]:
    """Return a JSON object. Raises PlanError where it is none, or not of this format version."""
    try:
        document = json.loads(files.read(name))
    except (ValueError, RecursionError) as error:
        raise PlanError(f"{name} is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise PlanError(f"{name} is not a JSON object")
    if format_name is not None and document.get("format") != format_name:
        raise PlanError(f"{name} has format {document.get('format')!r}; this version reads {format_name!r}")
    return document
