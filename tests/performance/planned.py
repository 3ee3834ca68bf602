"""Time the operations of a serving plan, without a model, on one row and on 10,000: prints JSON."""

import json
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import polars as pl
from skyulf_core import Pipeline
from skyulf_core.data.align import align
from skyulf_core.testing.plans import columns_of, rows_of

from performance import recipes

ROWS = 10_000
REPEATS = 7


def main() -> None:
    """Measure once."""
    frame = pl.read_parquet(sys.argv[1])
    fitted = Pipeline.from_config(recipes.config()).fit(frame).fitted
    ops = fitted.step_ops()
    data = align(frame.head(ROWS), fitted.input_schema)
    rows, columns = rows_of(data.head(2_000)), columns_of(data)
    steps = [op.row_function() for op in ops]
    by_row, by_batch = [], []
    for _ in range(REPEATS):
        copies = [dict(row) for row in rows]
        began = time.perf_counter()
        for row in copies:
            for step in steps:
                step(row)
        by_row.append((time.perf_counter() - began) / len(copies) * 1e6)
        copy = dict(columns)
        began = time.perf_counter()
        for op in ops:
            op.batch(copy)
        by_batch.append(ROWS / (time.perf_counter() - began))
    print(json.dumps({"row_us": statistics.median(by_row), "rows_per_second": statistics.median(by_batch)}))


if __name__ == "__main__":
    main()
