"""One contender in a process of its own: ``python contender.py skyulf|polars|sklearn frame.parquet`` prints JSON.

Times are seconds of wall clock, memory is the peak of the process above what it held with the frame loaded.
"""

import gc
import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import polars as pl

from performance import recipes
from performance.mixed_frame import TARGET


class Memory:
    """Samples this process's resident memory until it is told to stop."""

    def __init__(self) -> None:
        gc.collect()
        self.before = self.peak = resident()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._stop.wait(0.005):
            self.peak = max(self.peak, resident())

    def stop(self) -> float:
        """Return the growth in MB."""
        self._stop.set()
        self._thread.join()
        return (max(self.peak, resident()) - self.before) / 1e6


def resident() -> int:
    """Return the resident memory in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def skyulf(path: Path) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Return (fit and transform, transform) of Skyulf's pipeline."""
    from skyulf_core import Pipeline

    frame = pl.read_parquet(path)
    pipeline = Pipeline.from_config(recipes.config())
    return lambda: pipeline.fit_transform(frame), lambda: pipeline.transform(frame)


def polars(path: Path) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Return the same of hand-written polars."""
    frame = pl.read_parquet(path)
    written = recipes.HandWritten()

    def fit() -> pl.DataFrame:
        written.fit(frame)
        return written.training_rows(frame)

    return fit, lambda: written.transform(frame)


def sklearn(path: Path) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Return the same of scikit-learn's ColumnTransformer."""
    import pandas as pd

    frame = pl.read_parquet(path).to_pandas()
    frame["day"] = pd.to_datetime(frame["day"])
    transformer = recipes.column_transformer()
    target = frame.pop(TARGET)
    return lambda: transformer.fit_transform(frame, target), lambda: transformer.transform(frame)


def main() -> None:
    """Measure one contender once."""
    name, path = sys.argv[1], Path(sys.argv[2])
    fit, transform = {"skyulf": skyulf, "polars": polars, "sklearn": sklearn}[name](path)
    memory = Memory()
    began = time.perf_counter()
    shape = fit().shape
    fitted = time.perf_counter()
    transform()
    ended = time.perf_counter()
    print(json.dumps({"fit": fitted - began, "transform": ended - fitted, "mb": memory.stop(), "columns": shape[1]}))


if __name__ == "__main__":
    main()
