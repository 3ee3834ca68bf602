"""Profiles by counting agree with numpy on every value, and with what is in the file."""

import numpy as np
import polars as pl
import pytest
from skyulf_ingestion.child.column_types import ColumnTypes
from skyulf_ingestion.child.profile import profile


def described(tmp_path, values: pl.Series) -> dict[str, object]:
    pl.DataFrame({"x": values}).write_parquet(tmp_path / "x.parquet")
    return profile(tmp_path / "x.parquet", lambda fraction, step: None)["columns"][0]


@pytest.mark.parametrize("rows", [1, 2, 7, 30_000])
def test_numbers_are_those_of_numpy(tmp_path, rows):
    values = np.round(np.random.default_rng(rows).normal(0, 50, rows), 1)

    found = described(tmp_path, pl.Series([*values.tolist(), None, float("inf")]))

    assert (found["nulls"], found["non_finite"], found["distinct"]) == (1, 1, len(set(values.tolist())) + 1)
    assert found["mean"] == pytest.approx(values.mean(), abs=1e-9)
    assert found["std"] == (pytest.approx(values.std(ddof=1), abs=1e-9) if rows > 1 else None)
    for q, value in found["quantiles"].items():
        assert value == pytest.approx(np.quantile(values, float(q)), abs=1e-9), q
    assert sum(found["histogram"]["counts"]) == rows


def test_examples_are_the_first_different_values_wherever_they_are(tmp_path):
    found = described(tmp_path, pl.Series(["same"] * 20_000 + ["late", "later", None, "late"]))

    assert found["examples"] == ["same", "late", "later"]
    assert found["top_values"][:2] == [{"value": "same", "count": 20_000}, {"value": "late", "count": 2}]


def test_a_column_is_what_all_blocks_agree_on():
    names = ["number", "text", "nothing", "late"]
    types = ColumnTypes(names)
    for row in (["1", "1", None, None], ["2.5", "x", None, "2024-01-01"]):
        block = {name: pl.Series([value], dtype=pl.String) for name, value in zip(names, row, strict=True)}
        types.look_at(pl.DataFrame(block))

    assert types.found() == {"number": "float", "text": "string", "nothing": "string", "late": "date"}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["1", "x"], "50.0% of the values are numbers"),
        (["2020-01-01"] * 5_000 + ["2020-13-45"], "99.9% of the values are dates"),
        (["2020-01-01T10:00:00Z"] * 3 + ["soon"], "75.0% of the values are dates"),
    ],
)
def test_a_few_odd_values_that_made_a_column_text_are_warned_of(tmp_path, values, said):
    found = described(tmp_path, pl.Series(values))

    assert [warning["code"] for warning in found["warnings"]] == ["mixed-types"]
    assert said in found["warnings"][0]["message"]
