"""An operation on rows and on a batch of them, compared value by value."""

import json
import math
from datetime import datetime

import numpy as np
import pytest
from hypothesis import strategies as st
from skyulf_core.serving.ops import Op, OpError


def batch_of(rows):
    """Build a batch in the documented form: float64 with NaN, objects with None, datetime64[us] with NaT.

    Integers beyond 2**53 are int64, or objects beside nulls.
    """
    columns = {}
    for name in rows[0]:
        values = [row[name] for row in rows]
        kinds = {type(v) for v in values} - {type(None)}
        if kinds and kinds <= {datetime}:
            columns[name] = np.array(values, "datetime64[us]")
        elif kinds == {int} and any(abs(v or 0) > 2**53 for v in values):
            columns[name] = np.array(values, object if None in values else np.int64)
        elif kinds <= {int, float}:
            columns[name] = np.array([np.nan if v is None else v for v in values], np.float64)
        else:
            columns[name] = np.empty(len(values), object)
            columns[name][:] = values
    return columns


def same(left, right):
    if left is None or (isinstance(left, float) and math.isnan(left)):
        return right is None or (isinstance(right, float) and math.isnan(right))
    return left == right


def assert_row_is_batch(op, rows):
    """Run both paths, after a trip through JSON, and compare value by value."""
    op = Op.from_dict(json.loads(json.dumps(op.to_dict(), default=np.ndarray.tolist)))
    columns = batch_of(rows)
    try:
        op.batch(columns)
    except OpError as error:
        refused = {problem.row: problem for problem in error.problems}
    else:
        refused = {}
    for i, row in enumerate(rows):
        values = dict(row)
        if i in refused:
            with pytest.raises(OpError) as caught:
                op.row(values)
            assert caught.value.problems[0] == refused[i]._replace(row=0)
            continue
        op.row(values)
        if not refused:
            assert set(values) == set(columns)
            for name, value in values.items():
                assert same(value, columns[name].tolist()[i]), (name, value, columns[name][i])


def rows_of(**fields):
    return st.lists(st.fixed_dictionaries(fields), min_size=1, max_size=20)
