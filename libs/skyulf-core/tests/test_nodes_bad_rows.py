"""Rows that a client sends: each value is served as in a frame, or refused with its field and a sentence."""

import warnings
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from bad_input import LIBRARIES, entries, subjects
from skyulf_core import DataError, NodeRegistry
from skyulf_core.serving.ops import OpError
from skyulf_core.serving.schema import InputCheck, InputColumn
from skyulf_core.testing.compare import require, require_same_values

NODES = [e.name for e in entries() if e.kind != "splitter" and e.applier is not None]
ROW = {
    "number": 1.5, "count": 2, "large": 1e6, "same": 5, "flag": True, "plan": "pro", "city": "Oslo", "digits": "12",
    "iso": "2020-02-29T10:00:00", "at": "2020-02-29T10:00:00", "day": "2020-02-29", "price": 20.0, "lat": 1.0,
    "lon": 2.0, "note": "Slow box",
}  # fmt: skip
ALLOWED = (None, 2**53 + 1, 1e308, "", "\x00", "1890-01-01", "9999-12-31", "1890-06-01T12:00:00+05:45", False)
ZONE = timezone(timedelta(hours=5, minutes=45))
VALUES = [
    None, True, False, 0, -0.0, 1, 2.5, -3, 2**53 + 1, 2**63 - 1, -(2**63), 2**63, 2**64, 10**40, 1e308, -1e308, 5e-324,
    float("nan"), float("inf"), -float("inf"), "", " ", "1", "true", "nan", "é", "日本", "\x00", "\ud800",
    "x" * 100_000, "1890-01-01", "0001-01-01", "9999-12-31T23:59:59.999999", "10000-01-01", "2024-02-30",
    "2024-02-29T24:00", "1890-06-01T12:00:00+05:45", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00",
    "2024-W05-1", "20240501",
    datetime(1890, 1, 1, 3), datetime(1, 1, 1, tzinfo=ZONE), datetime(2024, 1, 1, tzinfo=UTC), date(1890, 1, 1),
    time(1, 2), timedelta(3), Decimal("1.5"), Decimal("NaN"), b"bytes", [], [1], {}, {"a": [{}]}, ("x",), {1}, object(),
    np.float64(2.5), np.int64(3), np.bool_(True), np.str_("x"), np.datetime64("2020-01-01"), np.array([1]), 1 + 2j,
]  # fmt: skip


class Served:
    """The part of a plan before the model, with the check of its input."""

    def __init__(self, fitted):
        self.ops, place = fitted.plan() if fitted.model else fitted.step_ops(), str
        if not fitted.linear:
            self.ops, place = fitted._named_ops()
        self.place, self.schema = place, fitted.input_schema
        self.names = frozenset(fitted.input_schema.names)
        origins = {name: frozenset({name}) for name in self.names}
        no_null = frozenset().union(*(op.trace(origins) for op in self.ops))
        columns = [InputColumn.from_dict(column) for column in fitted.input_schema.to_dicts()]
        self.check = InputCheck(columns, required=self.names, no_null=no_null, target=fitted.target)

    def row(self, row):
        """Return the row that comes out, or the fields that are refused."""
        found, problems = self.check.row(0, row)
        if problems:
            return None, problems
        try:
            for op in self.ops:
                op.row(found)
        except OpError as error:
            return None, error.problems
        return found, []

    def batch(self, rows):
        columns, problems = self.check.columns(rows)
        if problems:
            return None, problems
        try:
            for op in self.ops:
                op.batch(columns)
        except OpError as error:
            return None, error.problems
        return columns, []


def useful(problems):
    for problem in problems:
        _, field, message, code = problem
        require(bool(code) and 5 < len(message) < 2_500, f"{field}: {message[:300]}")
        require(not LIBRARIES.search(message), f"{field} speaks of a library below: {message[:300]}")


def same_alone_and_among_others(served, row):
    """Raise CheckError unless a row is served alike by itself and in a batch; return what comes out."""
    alone, problems = served.row(row)
    useful(problems)
    many, refused = served.batch([row, row])
    useful(refused)
    require((alone is None) is (many is None), f"alone: {problems[:1]}, in a batch: {refused[:1]}")
    if alone is None:
        require({p[3] for p in problems} == {p[3] for p in refused}, f"{problems[:2]} and {refused[:2]}")
    elif not any(op.sequence for op in served.ops):
        require(set(alone) >= set(many), f"{sorted(many)} and {sorted(alone)}")
        for name, column in many.items():
            found = column.tolist()[0]
            several = isinstance(found, list)
            require_same_values(alone[name] if several else [alone[name]], found if several else [found], name)
    return alone


@pytest.mark.parametrize("name", NODES)
def test_a_row_with_a_bad_value_is_served_or_refused_in_a_sentence(name):
    several = subjects(NodeRegistry.get(name))
    for subject in [several[0], *several[2:3]]:
        fitted = subject.fitted().fitted
        served = Served(fitted)
        row = {field: value for field, value in ROW.items() if field in served.names}
        used = served.names - fitted.optional_columns() or served.names
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for turn, field in enumerate(sorted(used)):
                for value in VALUES[turn % 2 :: 2] if len(used) > 6 else VALUES:
                    try:
                        same_alone_and_among_others(served, {**row, field: value})
                    except Exception as error:
                        error.add_note(f"{name} with {subject.config}: {field} = {str(value)[:60]!r}")
                        raise


@pytest.mark.parametrize("name", NODES)
def test_a_row_of_other_fields_is_refused_by_field(name):
    served = Served(subjects(NodeRegistry.get(name))[0].fitted().fitted)
    row = {field: value for field, value in ROW.items() if field in served.names}
    for strange in ({**row, "zzz": 1}, {}, {"": None}, {None: 1}, {**row, 5: {}}, {field + "x": 1 for field in row}):
        alone, problems = served.row(strange)
        many, refused = served.batch([strange])
        useful(problems)

        assert (alone, many) == (None, None)
        assert sorted(map(str, problems)) == sorted(map(str, refused))
    for no_row in (None, [], "x", 5):
        assert served.row(no_row)[1][0].message == "must be an object of field names and values"
        assert served.batch([no_row])[1][0].code == "wrong_type"


@pytest.mark.parametrize("name", NODES)
def test_what_is_served_is_what_a_frame_gives(name):
    """Values that a row may have come out of the frame as they come out of the row, or are refused by both."""
    subject = subjects(NodeRegistry.get(name))[0]
    pipeline = subject.fitted()
    served = Served(pipeline.fitted)
    if pipeline.fitted.model or any(op.sequence for op in served.ops):
        return
    row = {field: value for field, value in ROW.items() if field in served.names}
    for field in sorted(served.names):
        for value in (
            None,
            2**53 + 1,
            1e308,
            "",
            "\x00",
            "1890-01-01",
            "9999-12-31",
            "1890-06-01T12:00:00+05:45",
            False,
        ):
            checked, problems = served.check.row(0, {**row, field: value})
            if problems:
                continue
            alone, refused = served.row({**row, field: value})
            frame = pl.DataFrame({k: [v] for k, v in checked.items()}, schema_overrides=types(pipeline.fitted))
            try:
                wanted = pipeline.transform(frame)
            except DataError:
                require(bool(refused), f"{name}: a frame with {field} = {value!r} is refused, the row is served")
                continue
            require(alone is not None, f"{name}: only the row with {field} = {value!r} is refused: {refused}")
            for column in wanted.columns:
                require_same_values([alone[served.place(column)]], wanted[column].to_list(), f"{name}: {column}")


def types(fitted):
    known = {"integer": pl.Int64, "float": pl.Float64, "boolean": pl.Boolean, "string": pl.String}
    known |= {"date": pl.Datetime("us"), "datetime": pl.Datetime("us")}
    return {column.name: known[column.dtype] for column in fitted.input_schema}
