"""The line of a promise says what became of it, and tells no figure that did not hold."""

from typing import Literal

import pytest

from harness.promises import FIGURES, Line


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
