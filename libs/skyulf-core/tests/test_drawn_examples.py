"""Hypothesis draws the same examples in every run; on a hunt it draws others, and more."""

import importlib
import sys

from drawn import examples
from hypothesis import given, settings
from hypothesis import strategies as st


def drawn_now():
    seen = []

    @given(st.lists(st.integers() | st.floats() | st.text()))
    def see(values):
        seen.append(repr(values))

    see()
    return seen


def test_what_is_drawn_does_not_depend_on_the_modules_that_are_loaded(tmp_path, monkeypatch):
    before = drawn_now()
    numbers = ", ".join(f"{n}, {n}.5, 'text {n}'" for n in range(1_000, 1_300))
    (tmp_path / "full_of_constants.py").write_text(f"A = [{numbers}]")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("full_of_constants")

    after = drawn_now()

    del sys.modules["full_of_constants"]
    assert (after == before) is settings().derandomize


def test_tests_that_want_fewer_examples_still_hunt_for_more():
    often = settings().max_examples

    assert examples(25).max_examples * 4 == often
    assert examples(25).derandomize is (often == 100)
