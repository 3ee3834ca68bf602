"""Where the results of a training go: looked at before it, and written after it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from skyulf_core.problems import CoreError, DataError


def check_report_path(path: Path) -> None:
    """Raise DataError where no report can be written; nothing is left behind."""
    if path.suffix.lower() not in (".html", ".json", ".md"):
        raise DataError(f"a report is .html, .json or .md, not {path.name!r}", reason="unknown-format")
    _check_parent(path, "--report")
    try:
        if path.is_dir():
            message = f"--report {str(path)!r} is a folder; name a file in it, as {str(path / 'report.html')!r}"
            raise DataError(message, reason="is-a-folder")
        existed = path.exists()
        with path.open("ab"):  # changes nothing of one that is there
            pass
        if not existed:
            path.unlink()
    except OSError as error:
        raise _unwritable("--report", path, error) from error


def check_save_path(path: Path) -> None:
    """Raise DataError where no new folder can be made, and filled; nothing is left behind."""
    _check_parent(path, "--save")
    try:
        existed = path.exists()
        if existed and (path.is_file() or any(path.iterdir())):
            raise DataError(f"{str(path)!r} exists already; choose another folder", reason="not-empty")
        path.mkdir(exist_ok=True)
        (path / "part").touch()
        (path / "part").unlink()
        if not existed:
            path.rmdir()
    except OSError as error:
        raise _unwritable("--save", path, error) from error


def written(option: str, path: Path, write: Callable[[], object]) -> list[str]:
    """Write, and return a sentence that says why where it failed: what was learned is worth showing all the same."""
    try:
        write()
    except (OSError, CoreError) as error:
        return [f"{option} {str(path)!r} was not written: {_reason(error)}."]
    return []


def _check_parent(path: Path, option: str) -> None:
    if not path.resolve().parent.is_dir():
        message = f"the folder of {option} {str(path)!r} does not exist; make it first"
        raise DataError(message, reason="missing-folder")


def _unwritable(option: str, path: Path, error: OSError) -> DataError:
    message = f"{option} {str(path)!r} cannot be written: {_reason(error)}; choose another place"
    return DataError(message, reason="not-writable")


def _reason(error: OSError | CoreError) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return (text[:1].lower() + text[1:]).rstrip(".")
