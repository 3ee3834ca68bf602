"""What a training from a file is asked for, and the rows that it has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl
from pydantic import JsonValue

from skyulf_core.automl.families import AutoTask
from skyulf_core.automl.targets import check_classes
from skyulf_core.automl.writing import check_report_path, check_save_path
from skyulf_core.data.catalog.files import FileSystemCatalog
from skyulf_core.problems import DataError, did_you_mean, nearest_column

MISSING = ("NA", "N/A", "NaN", "nan", "null", "NULL")
"""Words that stand for a missing value in CSV files, as they do in uploads."""


@dataclass(frozen=True)
class Wish:
    """What shall be trained. `auto` is a budget in seconds, None where `model` alone is trained.

    `began` is when the budget began to run, by time.monotonic: loading libraries belongs to it.
    """

    file: Path
    target: str
    auto: float | None = None
    model: str | None = None
    test_size: float = 0.2
    metric: str | None = None
    seed: int = 0
    report: Path | None = None
    save: Path | None = None
    began: float | None = None


def check_paths(wish: Wish) -> None:
    """Refuse, before anything is trained, what could not be written after."""
    if wish.report is not None:
        check_report_path(wish.report)
    if wish.save is not None:
        check_save_path(wish.save)


def read_rows(wish: Wish) -> tuple[pl.DataFrame, list[str]]:
    """Return the rows that have a target, and what a person should know of them. Raises DataError."""
    path = wish.file
    if not path.exists():
        beside = [each.name for each in path.parent.iterdir()] if path.parent.is_dir() else []
        hint = did_you_mean(path.name, beside)
        raise DataError(f"there is no file {str(path)!r}.{f' {hint}' if hint else ''}", reason="missing-dataset")
    data = FileSystemCatalog(path.resolve().parent, missing=MISSING).read(path.name)
    if wish.target not in data.columns:
        hint = nearest_column(wish.target, data.columns)
        raise DataError(f"there is no column {wish.target!r} to predict. {hint}", reason="unknown-target")
    if not data.height:
        raise DataError(f"{path.name!r} holds no rows", reason="too-few-rows")
    missing = data[wish.target].null_count()
    if missing == data.height:
        raise DataError(f"the target {wish.target!r} is missing in every row", reason="null-target")
    said = [f"{missing:,} rows without {wish.target!r} are left out."] if missing else []
    return data.drop_nulls(wish.target), said


def splitter(wish: Wish, data: pl.DataFrame, task: AutoTask) -> dict[str, JsonValue]:
    """Return the step that holds rows out. Raises DataError for classes that cannot be learned."""
    config: dict[str, JsonValue] = {
        "target": wish.target, "test_size": wish.test_size, "random_state": wish.seed,
        "stratify": task == "classification",
    }  # fmt: skip
    if task == "classification":
        check_classes(data[wish.target])
    return {"node": "TrainTestSplit", "config": config}
