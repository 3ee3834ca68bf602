"""A frame as tabular projects have them: 20 mixed columns, and a target that depends on some of them."""

from pathlib import Path

import numpy as np
import polars as pl

NUMBERS = [f"n{i}" for i in range(8)]
LEVELS = {"c5": 5, "c12": 12, "c40": 40, "c200": 200, "c1000": 1_000, "c5000": 5_000}
FEW = ["c5", "c12", "c40"]
MANY = ["c200", "c1000", "c5000"]
DATES = ["day", "moment"]
TEXTS = ["note", "title"]
FLAGS = ["flag", "member"]
TARGET = "churn"
_WORDS = np.array(["late", "fast", "broken", "box", "great", "support", "refund", "again"])


def make(rows: int, *, seed: int = 1) -> pl.DataFrame:
    """Return 8 numeric columns with nulls, 6 categorical, 2 dates, 2 texts, 2 booleans and a binary target."""
    draw = np.random.default_rng(seed)
    columns: dict[str, pl.Series] = {}
    for index, name in enumerate(NUMBERS):
        values = draw.gamma(2.0, 10.0, rows) if index % 2 else draw.normal(50.0, 20.0, rows)
        columns[name] = pl.Series(values)
    for name, levels in LEVELS.items():
        codes = np.minimum((draw.pareto(1.0, rows) * levels / 20).astype(np.int64), levels - 1)
        columns[name] = pl.Series([f"{name}-{code:04}" for code in range(levels)]).gather(codes)
    start = np.datetime64("2019-01-01", "us")
    columns["day"] = pl.Series(start + draw.integers(0, 1_500, rows) * np.timedelta64(86_400_000_000, "us")).cast(
        pl.Date
    )
    columns["moment"] = pl.Series(start + draw.integers(0, 10**14, rows))
    for name in TEXTS:
        words = [pl.Series(_WORDS).gather(draw.integers(0, len(_WORDS), rows)) for _ in range(2)]
        columns[name] = words[0] + " " + words[1]
    for name in FLAGS:
        columns[name] = pl.Series(draw.random(rows) < 0.3)
    score = (columns["n0"].to_numpy() - 50) / 20 + columns["flag"].to_numpy() + draw.normal(0.0, 1.0, rows)
    frame = pl.DataFrame(columns).with_columns(pl.Series(TARGET, (score > 0.3).astype(np.int64)))
    gaps = {name: pl.Series(draw.random(rows) < 0.05) for name in NUMBERS}
    return frame.with_columns(pl.when(~gap).then(pl.col(name)).alias(name) for name, gap in gaps.items())


def write(path: Path, rows: int, *, part: int = 500_000) -> Path:
    """Write a folder of Parquet files with so many rows, part by part, so that this process stays small."""
    path.mkdir()
    for number, first in enumerate(range(0, rows, part)):
        make(min(part, rows - first), seed=number).write_parquet(path / f"{number:04}.parquet", row_group_size=100_000)
    return path
