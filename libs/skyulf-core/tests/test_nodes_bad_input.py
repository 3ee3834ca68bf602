"""Whatever the data, each node works, and then frame and plan agree, or it is refused by an error that says why."""

from functools import cache

import numpy as np
import polars as pl
import pytest
from bad_frames import KINDS, TARGETS
from bad_input import Subject, entries, sample, subjects, works_or_says_why
from skyulf_core import DataError, Kind, NodeRegistry, Pipeline
from skyulf_core.testing.compare import CheckError

NODES = [entry.name for entry in entries()]
WITH_TARGET = [name for name in NODES if NodeRegistry.get(name).kind in (Kind.TARGET_AWARE, Kind.SPLITTER)]
WITH_TARGET += ["Oversampling", "Undersampling"]
ROWS = 16
FEW = ("no rows", "one row", "two rows")


@cache
def rows_of_a_kind(kind, columns, rows, keep):
    """Return bad rows; most nodes are given the same columns."""
    return KINDS[kind](sample().select(columns).head(rows), keep)


def bad(subject, kind, rows):
    keep = () if kind in FEW or subject.target is None else (subject.target,)
    return rows_of_a_kind(kind, tuple(subject.frame.columns), rows, keep)


def check(subject, kind, frame, fitted=None):
    try:
        works_or_says_why(subject, frame, fitted=fitted)
    except Exception as error:
        error.add_note(f"{subject.entry.name} with {subject.config}: {kind}")
        raise


@pytest.mark.parametrize("name", NODES)
def test_a_node_learns_from_bad_rows_or_says_why_not(name):
    several = subjects(NodeRegistry.get(name))
    for turn, kind in enumerate(KINDS):
        subject = several[turn % len(several)]

        check(subject, kind, bad(subject, kind, ROWS))


@pytest.mark.parametrize("name", NODES)
def test_a_node_that_learned_from_good_rows_meets_bad_ones(name):
    several = subjects(NodeRegistry.get(name))
    fitted = [subject.fitted() for subject in several]
    for turn, kind in enumerate(KINDS):
        subject = several[(turn + 1) % len(several)]

        check(subject, kind, bad(subject, kind, ROWS), fitted[(turn + 1) % len(several)])


@pytest.mark.slow
@pytest.mark.parametrize("name", NODES)
def test_every_example_of_a_node_learns_from_bad_rows_or_says_why_not(name):
    for subject in subjects(NodeRegistry.get(name)):
        for kind in KINDS:
            check(subject, kind, bad(subject, kind, 80))


@pytest.mark.parametrize("name", WITH_TARGET)
def test_a_node_learns_a_bad_target_or_says_why_not(name):
    several = subjects(NodeRegistry.get(name))
    for turn, (kind, values) in enumerate(TARGETS.items()):
        subject = several[turn % len(several)]
        frame = subject.frame.head(40)
        if kind != "all null" and values is None:
            values = [f"label {row}" for row in range(frame.height)]
        target = pl.Series(subject.target, (values * frame.height)[: frame.height], strict=False)

        check(subject, kind, frame.with_columns(target))


CASTS = {"number": "float32", "large": "float32", "count": "uint64", "same": "int8", "flag": "int16", "day": "datetime"}


@pytest.mark.parametrize("name", NODES)
def test_a_node_works_on_what_casting_leaves(name):
    entry = NodeRegistry.get(name)
    if entry.family == "combining":
        return
    for subject in subjects(entry)[:3]:
        steps = list(subject.config["steps"])
        types = {column: to for column, to in CASTS.items() if column in subject.columns}
        steps.insert(0, {"node": "Casting", "config": {"types": types}})
        check(Subject(entry, {**subject.config, "steps": steps}, subject.frame, subject.target), "cast", subject.frame)


@pytest.mark.parametrize("given", [None, [1], {"a": [1]}, "x", np.ones((2, 2)), pl.Series([1]), 3, object()])
def test_what_is_no_frame_is_refused(given):
    with pytest.raises(Exception, match="expected a polars or pandas DataFrame, not ") as caught:
        Pipeline.from_config({"steps": [{"node": "DropMissingColumns"}]}).fit(given)

    assert caught.value.reason == "not-a-frame"


def test_the_check_itself_finds_what_it_is_for(monkeypatch):
    entry = NodeRegistry.get("StandardScaler")
    subject = subjects(entry)[0]

    def broken(self, frame, config):
        raise pl.exceptions.ComputeError("boom")

    monkeypatch.setattr(type(entry.calculator), "learn", broken)
    with pytest.raises(pl.exceptions.ComputeError):
        check(subject, "any", subject.frame)
    monkeypatch.undo()
    monkeypatch.setattr(type(entry.applier), "plan", lambda self, params: [])
    with pytest.raises(CheckError, match="plan by rows: "):
        check(subject, "any", subject.frame)


def test_rows_without_a_target_teach_nothing_when_they_are_streamed_either():
    data = pl.DataFrame({"x": [1.0, 2.0, 3.0, 100.0], "y": ["a", "b", "a", None]})
    split = {"node": "FeatureTargetSplit", "config": {"target": "y", "drop_missing_target": True}}
    config = {"steps": [split, {"node": "StandardScaler"}]}

    for frame in (data, data.lazy()):
        assert Pipeline.from_config(config).fit(frame).fitted.steps[1].params["means"] == [2.0]
    split["config"]["drop_missing_target"] = False
    for frame in (data, data.lazy()):
        with pytest.raises(DataError, match="the target 'y' is missing in 1 of 4 rows"):
            Pipeline.from_config(config).fit(frame)
