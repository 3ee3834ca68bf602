"""Files that `skyulf train` cannot learn from, and places where it cannot write: said before anything is learned."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import numpy as np
import pytest
from judging_ways import LABELS, RARE, ROW, ROWS, Config, Frame, data, never, refusal
from skyulf_core.automl.training import train

FILES: dict[str, tuple[Frame, Config, str]] = {
    "a class with one member": (
        data(y=RARE), {}, "class 'rare' of 'y' has 1 row; to learn it and judge that takes at least 3: leave it out",
    ),
    "a target without values": (data(y=[None] * ROWS), {}, "the target 'y' is missing in every row"),
    "a text target": (data(y=LABELS), {"model": "ridge_regression", "auto": None}, "predicts numbers; choose a class"),
    "a class per row": (
        data(y=[f"id-{row}" for row in ROW]), {},
        "holds 120 different texts in 120 rows, which are no classes that can be learned; predict a column with few",
    ),
    "fractions and a classifier": (
        data(y=np.sin(ROW)), {"model": "logistic_regression", "auto": None},
        "the target 'y' is numbers; take a regression model, as ridge_regression, or leave --model out",
    ),
    "whole amounts and a classifier": (
        data(y=ROW), {"model": "logistic_regression", "auto": None}, "is numbers; take a regression model",
    ),
    "days": (data(y=[date(2024, 1, 1 + int(row) % 9) for row in ROW]), {}, "'y' holds dates, which are not predicted"),
    "moments": (
        data(y=[datetime(2024, 1, 1 + int(row) % 28, int(row) % 24) for row in ROW]),
        {"model": "ridge_regression", "auto": None}, "'y' holds moments, which are not predicted; make numbers of them",
    ),
    "hardly a row held out": (
        data(y=ROW % 3), {"test_size": 0.01}, "--test-size 0.01 holds out 2 of 120 rows, fewer than the 3 classes",
    ),
    "nearly all rows held out": (
        data(y=np.sin(ROW)), {"test_size": 0.98}, "--test-size 0.98 leaves 2 of 120 rows to learn from",
    ),
    "a rare class and many rows held out": (
        data(y=np.where(ROW < 4, 2, ROW % 2)), {"test_size": 0.7}, "or hold out fewer rows than --test-size 0.7",
    ),
    "a seed beyond": (data(), {"seed": 99_999_999_999_999}, "--seed is a whole number from 0 to 4,294,967,295, not 99"),
    "a model of models": (
        data(), {"model": "voting_classifier", "auto": None},
        "the model 'voting_classifier' needs estimators, for which there is no option; choose another model",
    ),
    "constant features": (
        Frame({"a": [1.0] * ROWS, "b": ["x"] * ROWS, "y": LABELS}), {}, "every column ('a', 'b') has the same value",
    ),
    "constant features of one model": (
        Frame({"a": [1.0] * ROWS, "y": LABELS}), {"model": "linear", "auto": None},
        "every column ('a') has the same value in all 96 training rows",
    ),
    "one value": (data(y=["x"] * ROWS), {}, "the target 'y' has the same value in every row"),
    "a metric of numbers": (data(y=LABELS), {"metric": "rmse"}, "The metric 'rmse' is one of a regression, not of a"),
    "a metric that is not there": (data(y=LABELS), {"metric": "rocauc"}, "Did you mean 'roc_auc'?"),
    "few rows": (data(4), {}, "4 rows are too few to learn from"),
    "few rows of amounts": (data(4, y=[0.5, 1.5, 2.5, 3.5]), {}, "4 rows are too few to learn from"),
    "one row": (data(1), {}, "1 row is too few to learn from"),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_files_that_cannot_be_learned_from(name, tmp_path):
    frame, options, says = FILES[name]
    frame.write_parquet(tmp_path / "rows.parquet")
    wish = {"file": tmp_path / "rows.parquet", "target": "y", "auto": 3.0, **options}

    said = refusal(train, wish, on_trial=never)

    assert says in said
    assert "/model" not in said


def folder_of_a_file(tmp_path: Path) -> Path:
    data().drop("moment", "weight").write_parquet(tmp_path / "rows.parquet")
    return tmp_path


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"report": "folder.html"}, "is a folder; name a file in it, as"),
        ({"report": "/proc/report.html"}, "--report '/proc/report.html' cannot be written: no such file or directory"),
        ({"report": f"{'r' * 300}.html"}, "cannot be written: file name too long; choose another place"),
        ({"save": "/proc/model"}, "--save '/proc/model' cannot be written: no such file or directory"),
        ({"save": "m" * 300}, "cannot be written: file name too long; choose another place"),
    ],
)
def test_what_could_not_be_written_is_said_before_training(options, says, tmp_path):
    (folder_of_a_file(tmp_path) / "folder.html").mkdir()
    paths = {name: tmp_path / path for name, path in options.items()}

    said = refusal(train, {"file": tmp_path / "rows.parquet", "target": "y", "auto": 60.0, **paths}, on_trial=never)

    assert says in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.html", "rows.parquet"]


def test_a_report_and_a_model_that_cannot_be_written_after_all_leave_the_metrics(tmp_path):
    wish = {"file": folder_of_a_file(tmp_path) / "rows.parquet", "target": "y", "model": "linear"}
    paths = {"report": tmp_path / "gone" / "report.html", "save": tmp_path / "model"}
    (tmp_path / "gone").mkdir()

    def in_the_way(_: float, message: str) -> None:
        if message == "judging on held-out rows":
            (tmp_path / "gone").rmdir()
            (tmp_path / "gone").write_text("a file")
            (tmp_path / "model").write_text("a file")

    found = train({**wish, **paths}, on_progress=in_the_way)

    assert found["metrics"]
    assert (found["saved"], found["report"]) == (None, None)
    saved, reported = found["unwritten"]  # type: ignore[misc]
    assert str(saved).startswith(f"--save '{paths['save']}' was not written: ")
    assert str(reported).startswith(f"--report '{paths['report']}' was not written: ")
