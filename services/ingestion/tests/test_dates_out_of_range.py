"""Dates that a column of dates cannot hold: the column stays text, nothing is lost, and the profile counts them."""

import polars as pl
import pytest
from skyulf_ingestion.child.csv_file import read_csv
from skyulf_ingestion.child.normalise import normalise

DATASETS = "/api/v1/datasets"
BEYOND = {
    "after 9999 once in UTC": ("2024-01-31T00:00:00-05:00", "9999-12-31T23:59:59-05:00"),
    "before the year 1 once in UTC": ("2024-01-31T00:00:00Z", "0001-01-01T00:00:00+00:01"),
    "the year 0": ("2020-01-01", "0000-01-01"),
    "the year 0 with a time": ("2020-01-01 10:00", "0000-01-01 10:00"),
    "a database's missing date": ("2020-01-01 10:00:00", "0000-00-00 00:00:00"),
    "five digits": ("2020-01-01", "10000-01-01"),
    "before Christ": ("2020-01-01T00:00:00Z", "-0044-03-15T12:00:00Z"),
}
HELD = {
    "the first and the last day": ("0001-01-01", "9999-12-31", pl.Date()),
    "the last second": ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", pl.Datetime("us", "UTC")),
    "an offset towards the middle": (
        "0001-01-01T00:00:00-05:00",
        "9999-12-31T23:59:59+05:00",
        pl.Datetime("us", "UTC"),
    ),
}


def described(tmp_path, *values: str) -> dict[str, object]:
    """The profile's column of a CSV file with these values."""
    (tmp_path / "file.csv").write_text("\n".join(["until", *values, ""]))
    spec = {"source": str(tmp_path / "file.csv"), "scratch": str(tmp_path), "format": "csv"}
    found = normalise(spec, lambda fraction, step: None)
    return {**found["columns"][0], "warnings": found["summary"]["warnings"]}


async def test_one_date_out_of_range_fails_no_dataset(ingestion, runner, upload, settled):
    rows = b"id,until\n1,2024-01-31T00:00:00-05:00\n2,9999-12-31T23:59:59-05:00\n3,9999-12-31T23:59:59-05:00\n"

    dataset = await settled((await upload(rows)).json()["id"])

    assert (dataset["status"], dataset["rows"]) == ("ready", 3)
    profile = (await ingestion.client.get(f"{DATASETS}/{dataset['id']}/profile")).json()
    number, until = profile["columns"]
    assert (number["type"], number["warnings"]) == ("integer", [])
    assert (until["type"], until["nulls"]) == ("string", 0)
    assert [(said["code"], "in 2 rows:" in said["message"]) for said in until["warnings"]] == [
        ("dates-out-of-range", True)
    ]
    sample = (await ingestion.client.get(f"{DATASETS}/{dataset['id']}/sample")).json()["rows"]
    assert [row["until"] for row in sample][1:] == ["9999-12-31T23:59:59-05:00"] * 2, "as it was written"


@pytest.mark.parametrize("case", BEYOND)
@pytest.mark.parametrize("among", [1, 30_000])
def test_the_column_stays_text_wherever_the_date_is(tmp_path, case, among):
    fine, beyond = BEYOND[case]

    found = described(tmp_path, *[fine] * among, beyond)

    assert (found["type"], found["nullable"]) == ("string", False)
    kept = pl.read_parquet(tmp_path / "dataset.parquet")["until"]
    assert (kept[0], kept[-1], len(kept)) == (fine, beyond, among + 1)
    assert found["warnings"] == 2, "mixed types, and dates out of range"


@pytest.mark.parametrize("case", HELD)
def test_dates_up_to_the_limits_are_dates(tmp_path, case):
    first, last, dtype = HELD[case]
    (tmp_path / "file.csv").write_text(f"until\n{first}\n{last}\n")

    parquet, _, _ = read_csv(tmp_path / "file.csv", tmp_path, encoding=None, separator=None)

    column = pl.read_parquet(parquet)["until"]
    assert (column.dtype, column.null_count()) == (dtype, 0)
    assert [value.year for value in column.to_list()] == [1, 9999]


@pytest.mark.parametrize("value", ["12345-67-8", "2020-13-45", "10000-13-01", "call 0000-01-01"])
def test_what_is_no_date_is_not_counted_as_one(tmp_path, value):
    assert described(tmp_path, value, "word")["warnings"] == 0
