"""`skyulf train`: a file and a column, on a machine without a server."""

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from palmerpenguins import load_penguins
from skyulf_core import Pipeline


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("train")
    penguins = load_penguins()
    penguins.to_csv(found / "penguins.csv", index=False, na_rep="NA")
    penguins.to_parquet(found / "penguins.parquet")
    penguins.assign(species="Gentoo").to_csv(found / "same.csv", index=False)
    penguins.head(0).to_csv(found / "none.csv", index=False)
    (found / "empty.csv").write_text("")
    (found / "broken.parquet").write_text("not parquet")
    (found / "notes.txt").write_text("words")
    (found / "folder.html").mkdir()
    (found / "full.html").symlink_to("/dev/full")
    rare = penguins.head(60).assign(species=["Adelie"] * 40 + ["Gentoo"] * 19 + ["Emperor"])
    rare.to_csv(found / "rare.csv", index=False)
    return found


def run(*arguments: str, folder: Path, code: int = 0) -> "subprocess.CompletedProcess[str]":
    others = {name: value for name, value in os.environ.items() if not name.startswith("SKYULF_")}
    environment = {**others, "SKYULF_HOME": str(folder), "SKYULF_URL": "http://127.0.0.1:9", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "skyulf_client.main", "train", *arguments]
    done = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def interrupted(*arguments: str, times: int, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Begin a long search, and press Ctrl-C so many times when the first candidates have ended."""
    command = [sys.executable, "-m", "skyulf_client.main", "train", "penguins.csv", "--target", "sex", "--auto", "5m"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [*command, *arguments], env=environment, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        said = "".join(process.stderr.readline() for _ in range(3))
        process.send_signal(signal.SIGINT)
        if times > 1:
            while "stopping" not in said:
                line = process.stderr.readline()
                assert line, said
                said += line
            process.send_signal(signal.SIGINT)
        rest, more = process.communicate(timeout=240)
    return subprocess.CompletedProcess(command, process.returncode, rest, said + more)


def on_a_terminal(arguments: list[str], *, columns: int, folder: Path) -> str:
    """Train on a terminal of so many columns, and return all that was written to it."""
    command = [sys.executable, "-m", "skyulf_client.main", "train", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TERM": "xterm", "COLUMNS": str(columns), "LINES": "20"}
    ours, theirs = pty.openpty()
    written = b""
    with subprocess.Popen(
        command, env=environment, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    ) as process:
        os.close(theirs)
        with contextlib.suppress(OSError):  # what a terminal says when the other side has gone
            while some := os.read(ours, 65536):
                written += some
        os.close(ours)
        assert process.wait(timeout=240) == 0, written.decode()
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written.decode())


def test_penguins_are_learned_within_seconds_and_the_model_is_kept(folder: Path) -> None:
    done = run("penguins.csv", "--target", "sex", "--auto", "8s", "--save", "model", "--seed", "1", folder=folder)

    assert done.stderr.startswith("trial 0  linear  0.9")
    assert "1 fold  " in done.stderr
    assert "candidates, by roc_auc on folds of the training rows" in done.stdout
    assert "on 67 rows that it has not seen" in done.stdout
    assert "11 rows without 'sex' are left out." in done.stdout
    assert "Use it in Python: Pipeline.load('model').predict(rows)." in done.stdout
    penguins = load_penguins().dropna(subset="sex")
    answers = Pipeline.load(folder / "model").predict(penguins)
    assert (answers.to_numpy() == penguins["sex"].to_numpy()).mean() > 0.85


def test_one_model_is_trained_with_the_preparation_that_the_columns_ask_for(folder: Path) -> None:
    arguments = ("penguins.parquet", "--target", "body_mass_g", "--model", "random_forest", "--json")

    found = json.loads(run(*arguments, "--report", "report.html", folder=folder).stdout)

    assert (found["model"], found["task"], found["held_out"]) == ("random_forest_regressor", "regression", 69)
    interval = found["metrics"]["r2"]
    assert 0.5 < interval["low"] < interval["estimate"] < interval["high"] < 1
    assert {"OrdinalEncoder"} <= {step["node"] for step in found["config"]["steps"]}
    page = (folder / "report.html").read_text()
    assert "<html" in page[:500]
    assert f"{interval['low']:.4g} to {interval['high']:.4g}" in page


def test_a_metric_and_a_family_are_searched_for(folder: Path) -> None:
    arguments = ("penguins.csv", "--target", "species", "--model", "linear", "--auto", "5s", "--metric", "log_loss")

    found = json.loads(run(*arguments, "--test-size", "0.5", "--json", folder=folder).stdout)

    assert (found["metric"], found["model"], found["held_out"]) == ("log_loss", "logistic_regression", 172)
    assert {entry["family"] for entry in found["leaderboard"]} == {"linear"}


def test_control_c_keeps_the_best_so_far_and_a_second_ends_at_once(folder: Path) -> None:
    ended, kept = interrupted("--save", "kept", times=1, folder=folder), folder / "kept"

    assert ended.returncode == 0, ended.stderr
    assert "stopping with the best so far; Ctrl-C again ends at once" in ended.stderr
    assert "The search was stopped after" in ended.stdout
    assert "The model is in kept" in ended.stdout
    assert len(Pipeline.load(kept).predict(load_penguins())) == 344
    twice = interrupted("--save", "never", times=2, folder=folder)
    assert twice.returncode == 130
    assert twice.stderr.endswith("Stopped; nothing was written.\n")
    assert not (folder / "never").exists()


def test_what_is_asked_for_on_a_terminal_is_drawn_there(folder: Path) -> None:
    arguments = ["penguins.csv", "--target", "species", "--auto", "5s", "--seed", "1"]
    for columns, shown in ((120, "Parameters"), (50, "Folds")):
        seen = on_a_terminal(arguments, columns=columns, folder=folder)
        assert shown in seen
        assert ("Parameters" in seen.split("The best of")[0]) is (columns == 120)
        assert "rows that it has not seen" in " ".join(seen.split())


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("pengiuns.csv", "--target", "sex"), "There is no file 'pengiuns.csv'. Did you mean 'penguins.csv'?"),
        (("penguins.csv", "--target", "gender"), "There is no column 'gender' to predict."),
        (("penguins.csv", "--target", "specie"), "Did you mean 'species'?"),
        (("empty.csv", "--target", "x"), "'empty.csv' is empty."),
        (("none.csv", "--target", "sex"), "'none.csv' holds no rows."),
        (("broken.parquet", "--target", "x"), "'broken.parquet' cannot be read"),
        (("notes.txt", "--target", "x"), "'notes.txt' has no ending of a known format"),
        (("same.csv", "--target", "species"), "the same value in every row; there is nothing to learn."),
        (("rare.csv", "--target", "species"), "Class 'Emperor' of 'species' has 1 row"),
        (("penguins.csv", "--target", "sex", "--model", "liner"), "There is no model 'liner'. Did you mean 'linear'?"),
        (
            ("penguins.csv", "--target", "sex", "--model", "ridge_regression"),
            "ridge_regression predicts numbers; choose",
        ),
        (
            ("penguins.csv", "--target", "sex", "--metric", "rmse", "--auto", "2s"),
            "Error: The metric 'rmse' is one of a regression, not of",
        ),
        (("penguins.csv", "--target", "sex", "--report", "report.doc"), "A report is .html, .json or .md"),
        (("penguins.csv", "--target", "sex", "--report", "folder.html"), "is a folder; name a file in it"),
        (("penguins.csv", "--target", "sex", "--save", "no/such/model"), "does not exist; make it first."),
    ],
)
def test_what_cannot_be_trained_is_said_in_a_sentence(folder: Path, arguments: tuple[str, ...], text: str) -> None:
    done = run(*arguments, folder=folder, code=1)

    assert done.stderr.startswith("Error: ")
    assert text in done.stderr


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--auto", "0s"), "leaves nothing to try"),
        (("--auto", "soon"), "is a time, as 60s, 5m or 1h"),
        (("--auto", "9" * 400), "is longer than a number can say"),
        (("--test-size", "nan"), "is a share between 0 and 1"),
        (("--test-size", "1.5"), "is a share between 0 and 1"),
        (("--seed", "99999999999999"), "Invalid value for '--seed'"),
    ],
)
def test_a_wrong_call_ends_with_two(folder: Path, arguments: tuple[str, ...], text: str) -> None:
    done = run("penguins.csv", "--target", "sex", *arguments, folder=folder, code=2)

    assert text in " ".join(done.stderr.replace("│", " ").split())


def test_a_report_for_which_there_is_no_room_leaves_the_metrics_and_ends_with_one(folder: Path) -> None:
    done = run("penguins.csv", "--target", "sex", "--model", "linear", "--report", "full.html", folder=folder, code=1)

    assert "on 67 rows that it has not seen" in done.stdout
    assert "The report is in" not in done.stdout
    assert done.stderr.endswith("Error: --report 'full.html' was not written: no space left on device.\n")
