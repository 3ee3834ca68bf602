"""Partitioned folders whose files are not alike: brought together where that is certain, else refused by name."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from skyulf_core import DataError, FileSystemCatalog


def folder(root: Path, files: dict[str, str | pl.DataFrame]) -> FileSystemCatalog:
    for name, content in files.items():
        path = root / "t" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, pl.DataFrame):
            content.write_parquet(path)
        else:
            path.write_text(content)
    return FileSystemCatalog(root)


@pytest.mark.parametrize(
    ("one", "two", "types"),
    [
        ("v\n", "v\n10\n9\n", {"v": pl.Int64}),
        ("v\n2020-01-01\n", "v\n", {"v": pl.Date}),
        ("v,w\n,1\n", "v,w\n2.5,3\n", {"v": pl.Float64, "w": pl.Int64}),
        ("v\n", "v\n", {"v": pl.String}),
        ("v\nx\n", "v\n3\n", {"v": pl.String}),
    ],
)
def test_parts_without_values_decide_no_types(tmp_path: Path, one: str, two: str, types: dict[str, object]) -> None:
    catalog = folder(tmp_path, {"k=1/a.csv": one, "k=2/a.csv": two})

    found = catalog.read("t")

    assert dict(found.schema) == {**types, "k": pl.Int64}
    assert found.height == (one + two).count("\n") - 2
    assert catalog.schema("t").names == found.columns


def test_a_parquet_part_without_rows_decides_no_types(tmp_path: Path) -> None:
    empty = pl.DataFrame(schema={"v": pl.String})

    found = folder(tmp_path, {"k=1/a.parquet": empty, "k=2/a.parquet": pl.DataFrame({"v": [1]})}).read("t")

    assert found.rows() == [(1, 2)]


def test_columns_are_brought_together_by_name(tmp_path: Path) -> None:
    found = folder(tmp_path, {"k=1/a.csv": "v,w\n1,x\n", "k=2/a.csv": "w,v\ny,2\n"}).read("t")

    assert (found.columns, found.rows()) == (["v", "w", "k"], [(1, "x", 1), (2, "y", 2)])


@pytest.mark.parametrize("text", ["1", "007", "2024-01-01", "true", "__HIVE_DEFAULT_PARTITION__"])
def test_a_file_may_repeat_what_its_folder_says(tmp_path: Path, text: str) -> None:
    inside = "" if text.startswith("__") else text

    found = folder(tmp_path, {f"k={text}/a.csv": f"k,v\n{inside},1\n", f"k={text}/b.csv": "v\n2\n"}).read("t")

    assert found.columns == ["v", "k"]
    assert found["k"].n_unique() == 1
    assert found["k"][0] == {"1": 1, "2024-01-01": date(2024, 1, 1), "__HIVE_DEFAULT_PARTITION__": None}.get(text, text)


@pytest.mark.parametrize(
    ("files", "reason", "said"),
    [
        ({"k=1/a.csv": "k,v\n2,1\n"}, "mixed-partitions", "'k' of 'k=1/a.csv' has other values"),
        ({"k=1/a.parquet": pl.DataFrame({"k": [1, None]})}, "mixed-partitions", "'k' of 'k=1/a.parquet'"),
        ({"k=1/a.csv": "v,w\n1,2\n", "k=2/a.csv": "v\n1\n"}, "mixed-columns", "'k=2/a.csv' has no column 'w'"),
        ({"k=1/a.csv": "v\n1\n", "k=2/a.csv": "v,w\n1,2\n"}, "mixed-columns", "'k=2/a.csv' has the column 'w'"),
        ({"k=1/a.csv": "v\n1\n", "k=2/a.csv": "v\n2020-01-01\n"}, "mixed-columns", "number in 'k=1/a.csv' and date in"),
        ({"k=1/a.csv": "v\n1\n", "k=2/a.csv": "v\ntrue\n"}, "mixed-columns", "and boolean in 'k=2/a.csv'"),
        ({"k=1/a.csv": "v\n1\n", "k=1/notes.txt": "Hello"}, "mixed-formats", "not 'k=1/notes.txt'"),
        ({"k=1/a.csv": "v\n1\n", "README": "Hello"}, "mixed-formats", "not 'README'"),
        ({"k=1/a.csv": "v\n1\n", "b.csv": "v\n1\n"}, "mixed-partitions", "'b.csv' does not lie in folders that name"),
        ({"k=1/a.csv": "v\n1\n", "k=2/a.csv": ""}, "empty-file", "'k=2/a.csv' is empty"),
        ({"k=1/a.csv": "v\n1\n", "k=2/a.csv": "v,v\n1,1\n"}, "duplicate-columns", "'k=2/a.csv': column 'v' occurs"),
        ({"k=1/a.parquet": "PAR1 nonsense"}, "broken-file", "'k=1/a.parquet' cannot be read"),
    ],
)
def test_the_file_that_does_not_fit_is_named(
    tmp_path: Path, files: dict[str, str | pl.DataFrame], reason: str, said: str
) -> None:
    with pytest.raises(DataError) as caught:
        folder(tmp_path, files).read("t")

    assert caught.value.reason == reason
    assert said in str(caught.value)
