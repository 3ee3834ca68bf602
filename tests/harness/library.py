"""The library in a process of its own, with as many threads as a job of the pipeline service has.

Sums over several threads end in other last bits, and polars takes its number of threads once, from its environment.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl


def trained(
    folder: Path, config: dict[str, Any], data: bytes, asked: pl.DataFrame, threads: int
) -> tuple[pl.DataFrame, pl.Series]:
    """Fit a pipeline on a CSV file; the probabilities and the predictions of the rows that are asked."""
    from skyulf_pipeline.main import child_environment  # the names of the variables that limit threads

    (folder / "config.json").write_text(json.dumps(config))
    (folder / "data.csv").write_bytes(data)
    asked.write_parquet(folder / "asked.parquet")
    subprocess.run(
        [sys.executable, str(Path(__file__)), str(folder)],
        env={**os.environ, **child_environment(threads)},
        check=True,
        timeout=300,
    )
    return pl.read_parquet(folder / "probabilities.parquet"), pl.read_parquet(
        folder / "predictions.parquet"
    ).to_series()


def main(folder: Path) -> None:
    """What the process does."""
    from skyulf_core import Pipeline

    asked = pl.read_parquet(folder / "asked.parquet")
    pipeline = Pipeline.from_config(json.loads((folder / "config.json").read_text())).fit(
        pl.read_csv(folder / "data.csv")
    )
    pipeline.predict_proba(asked).write_parquet(folder / "probabilities.parquet")
    pipeline.predict(asked).to_frame().write_parquet(folder / "predictions.parquet")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
