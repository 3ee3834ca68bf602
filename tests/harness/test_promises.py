"""The line of a promise says what became of it, and no figure that did not hold; a run says what it left out."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest

from harness.promises import FIGURES, PROMISES, Line


def report(
    outcome: Literal["passed", "failed"], told: str, *, when: Literal["setup", "call"] = "call"
) -> pytest.TestReport:
    return pytest.TestReport(
        "test", ("test.py", 1, "test"), {}, outcome, None, when, user_properties=[(FIGURES, told)], duration=2.0
    )


def test_a_promise_that_held_tells_its_figures() -> None:
    line = Line()

    line.add(report("passed", "", when="setup"))
    line.add(report("passed", "7 events, 0 lost"))
    line.add(report("passed", "7 events, 0 lost"))

    assert " ".join(str(line).split()) == "held 2 tests, 6 s 7 events, 0 lost (2 times)"


def test_a_promise_that_broke_tells_only_what_held() -> None:
    line = Line()

    line.add(report("passed", "7 events, 0 lost"))
    line.add(report("failed", "9 events, 0 lost"))

    assert str(line).startswith("BROKEN")
    assert line.figures == ["7 events, 0 lost"]


def test_a_promise_that_nobody_tried_says_so() -> None:
    line = Line()

    line.add(report("passed", "set up, no more", when="setup"))

    assert (str(line), line.figures) == ("not tried", [])


TESTS = Path(__file__).resolve().parents[1]
EACH = """
import os

import pytest
from harness.promises import PROMISES


@pytest.mark.parametrize("number", [pytest.param(each, marks=pytest.mark.promise(each)) for each in PROMISES])
def test_promise(number):
    if number == os.environ.get("SKIPPED"):
        pytest.skip("there is no broker")


def test_nothing():
    pass
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a test for each promise."""
    (tmp_path / "pytest.ini").write_text(f"[pytest]\ntestpaths = all\npythonpath = {TESTS}\n")
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["harness.promises"]\n')
    (tmp_path / "all").mkdir()
    (tmp_path / "all" / "test_all.py").write_text(EACH)
    return tmp_path


def run(project: Path, *words: str, skipped: str = "") -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "", "SKIPPED": skipped}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words]
    return subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def test_a_run_of_all_promises_passes_where_each_was_tried(project: Path) -> None:
    done = run(project, "-m", "promise")

    assert done.returncode == 0, done.stdout
    assert done.stdout.count(" held ") == len(PROMISES)


def test_a_run_of_all_promises_fails_where_all_tests_of_one_were_skipped(project: Path) -> None:
    done = run(project, "-m", "promise", skipped="R3")

    assert done.returncode == 1
    assert "no test tried it: R3." in done.stdout


def test_a_run_of_all_promises_fails_where_all_tests_of_one_were_left_out(project: Path) -> None:
    done = run(project, "-m", "promise", "-k", "not R12 and not R17")

    assert done.returncode == 1
    assert "no test tried it: R12, R17." in done.stdout


@pytest.mark.parametrize(
    "words", [[], ["-m", "promise", "all/test_all.py"], ["-m", "not promise"], ["-m", "promise", "--collect-only"]]
)
def test_another_run_owes_no_promise(words: list[str], project: Path) -> None:
    done = run(project, *words, skipped="R3")

    assert done.returncode == 0, done.stdout
    assert "no test tried it" not in done.stdout
