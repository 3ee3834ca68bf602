"""Learn from a folder of Parquet, transform it into a file, without collecting either: prints JSON.

Polars is told to hold little: it reads far ahead of a query otherwise, up to some hundred megabytes.
"""

import json
import os
import sys
import time
from pathlib import Path

os.environ["POLARS_ROW_GROUP_PREFETCH_SIZE"] = "2"
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import polars as pl
from skyulf_core import NodeRegistry, Pipeline

from performance import recipes
from performance.contender import Memory


def main() -> None:
    """Measure once."""
    NodeRegistry.names()
    pl.Config.set_streaming_chunk_size(25_000)
    frame = pl.scan_parquet(Path(sys.argv[1]) / "*.parquet")
    pl.LazyFrame({"warm": [1.0]}).select(pl.col("warm").mean()).collect(engine="streaming")
    pipeline = Pipeline.from_config(recipes.config())
    memory = Memory()
    began = time.perf_counter()
    pipeline.fit(frame)
    fitted = time.perf_counter()
    query = pipeline.transform(frame)
    if not isinstance(query, pl.LazyFrame):
        raise SystemExit("the pipeline does not stream")
    query.sink_parquet(sys.argv[2])
    ended = time.perf_counter()
    print(json.dumps({"fit": fitted - began, "transform": ended - fitted, "mb": memory.stop()}))


if __name__ == "__main__":
    main()
