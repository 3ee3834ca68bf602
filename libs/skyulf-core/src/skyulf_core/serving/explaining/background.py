"""The background of a bundle: training rows that explanations compare with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

from skyulf_core.serving.files import BundleFiles, MemoryFiles, open_files, read_json, reading, safe_name
from skyulf_core.serving.golden import GOLDEN_FILE
from skyulf_core.serving.ops.base import PlanError

BACKGROUND_FORMAT = "skyulf.background/1"
BACKGROUND_FILE = "background.json"
MOST_BACKGROUND = 100
"""So many rows at most."""
LARGEST_BACKGROUND = 1 << 20
"""So many bytes at most."""

Rows = list[dict[str, object]]


def read_background(files: BundleFiles) -> Rows:
    """Return the rows of `background.json`. Raises PlanError where it is none, or larger than one may be."""
    data = files.read(BACKGROUND_FILE)
    if len(data) > LARGEST_BACKGROUND:
        raise PlanError(f"{BACKGROUND_FILE} has {len(data)} bytes; the most is {LARGEST_BACKGROUND}")
    rows = read_json(MemoryFiles({BACKGROUND_FILE: data}), BACKGROUND_FILE, format_name=BACKGROUND_FORMAT).get("rows")
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise PlanError(f"{BACKGROUND_FILE} has no list of rows")
    if len(rows) > MOST_BACKGROUND:
        raise PlanError(f"{BACKGROUND_FILE} has {len(rows)} rows; the most is {MOST_BACKGROUND}")
    return cast("Rows", rows)


def rows_to_compare(source: Path | str | Mapping[str, bytes]) -> Rows:
    """Return the background of a bundle, or the golden rows of one that was made without. Raises PlanError."""
    files = open_files(source)
    if _holds(source, BACKGROUND_FILE):
        return read_background(files)
    with reading(GOLDEN_FILE):
        rows = read_json(files, GOLDEN_FILE)["rows"]
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise PlanError("golden rows are no list of rows")
    return cast("Rows", rows[:MOST_BACKGROUND])


def _holds(source: Path | str | Mapping[str, bytes], name: str) -> bool:
    return name in source if isinstance(source, Mapping) else (Path(source) / safe_name(name)).is_file()
