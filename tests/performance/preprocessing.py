"""Preprocessing of a mixed frame: Skyulf, hand-written polars and scikit-learn in turn; growth; one row; imports."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from performance import mixed_frame

HERE = Path(__file__).parent
CONTENDERS = ("skyulf", "polars", "sklearn")
MODULES = ("skyulf_core", "skyulf_core.serving")
Samples = dict[str, list[dict[str, float]]]


def compare(folder: Path, *, rows: int, rounds: int) -> Samples:
    """Run the contenders in turn, each in a new process, on the same file."""
    path = folder / "mixed.parquet"
    mixed_frame.make(rows).write_parquet(path)
    found: Samples = {name: [] for name in CONTENDERS}
    for _ in range(rounds):
        for name in CONTENDERS:
            found[name].append(_run("contender.py", name, str(path)))
    return found


def growth(folder: Path, sizes: Sequence[int]) -> dict[int, dict[str, float]]:
    """Learn from and transform folders of Parquet of these sizes without collecting them."""
    found = {}
    for rows in sizes:
        path = mixed_frame.write(folder / f"rows-{rows}", rows)
        found[rows] = _run("streamed.py", str(path), str(folder / f"out-{rows}.parquet"))
    return found


def plan(folder: Path, *, rounds: int) -> dict[str, float]:
    """Time the serving plan on one row and on 10,000: the medians of so many processes."""
    path = folder / "mixed-small.parquet"
    mixed_frame.make(60_000).write_parquet(path)
    samples = [_run("planned.py", str(path)) for _ in range(rounds)]
    return {key: statistics.median(sample[key] for sample in samples) for key in samples[0]}


def imports(*, rounds: int) -> dict[str, float]:
    """Time the imports in new processes: the median seconds above those of an empty process."""
    empty = statistics.median(_seconds("pass") for _ in range(rounds))
    return {name: statistics.median(_seconds(f"import {name}") for _ in range(rounds)) - empty for name in MODULES}


def _seconds(code: str) -> float:
    timed = f"import time; began = time.perf_counter(); {code}; print(time.perf_counter() - began)"
    done = subprocess.run([sys.executable, "-c", timed], capture_output=True, text=True, check=True)
    return float(done.stdout)


def _run(script: str, *arguments: str) -> dict[str, float]:
    command = [sys.executable, "-W", "ignore", str(HERE / script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ})
    if done.returncode:
        raise SystemExit(f"{script} {' '.join(arguments)} failed:\n{done.stderr[-3000:]}")
    found: dict[str, float] = json.loads(done.stdout)
    return found


def ratio(found: Samples, key: str, name: str, other: str) -> float:
    """Return the median over the rounds of one contender's figure by the other's of the same round."""
    pairs = zip(found[name], found[other], strict=True)
    return statistics.median(mine[key] / theirs[key] for mine, theirs in pairs)


def comparison_lines(found: Samples) -> Iterable[str]:
    """Say times, memory and ratios, and whether the goals are reached."""
    yield f"  {'':22}{'fit+transform s':>16}{'transform s':>13}{'memory MB':>11}"
    for name, samples in found.items():
        median = {key: statistics.median(sample[key] for sample in samples) for key in ("fit", "transform", "mb")}
        yield f"  {name:22}{median['fit']:16.2f}{median['transform']:13.3f}{median['mb']:11.0f}"
    goals = [
        ("fit+transform by polars", ratio(found, "fit", "skyulf", "polars"), 1.2),
        ("transform by polars", ratio(found, "transform", "skyulf", "polars"), 1.2),
        ("fit+transform by scikit-learn", ratio(found, "fit", "skyulf", "sklearn"), 1 / 3),
        ("memory by scikit-learn", ratio(found, "mb", "skyulf", "sklearn"), 1 / 2),
    ]
    for title, value, goal in goals:
        yield f"  {title:36}{value:8.2f}  goal {goal:.2f}: {'reached' if value <= goal else 'MISSED'}"


def growth_lines(found: Mapping[int, Mapping[str, float]]) -> Iterable[str]:
    """Say time and memory per size."""
    yield f"  {'rows':>12}{'fit s':>9}{'transform s':>13}{'memory MB':>11}{'µs per row':>12}"
    for rows, sample in found.items():
        per_row = (sample["fit"] + sample["transform"]) / rows * 1e6
        yield f"  {rows:12,}{sample['fit']:9.2f}{sample['transform']:13.2f}{sample['mb']:11.0f}{per_row:12.2f}"


def plan_lines(found: Mapping[str, float]) -> Iterable[str]:
    """Say how quickly the plan runs."""
    yield from (
        f"  {title:36}{found[key]:12,.1f} {unit}  goal {goal:,} {unit}: {'reached' if reached else 'MISSED'}"
        for title, key, unit, goal, reached in (
            ("one row, 20 columns, 8 nodes", "row_us", "µs", 30, found["row_us"] <= 30),
            ("10,000 rows", "rows_per_second", "rows/s", 1_000_000, found["rows_per_second"] >= 1e6),
        )
    )


def import_lines(found: Mapping[str, float]) -> Iterable[str]:
    """Say how long imports take."""
    for name, goal in zip(MODULES, (0.4, 0.15), strict=True):
        verdict = "reached" if found[name] <= goal else "MISSED"
        yield f"  {'import ' + name:36}{found[name]:8.3f} s  goal {goal} s: {verdict}"
