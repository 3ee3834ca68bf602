"""Preprocessing of a mixed frame: Skyulf, hand-written polars and scikit-learn in turn; growth; one row; imports."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from performance import mixed_frame

HERE = Path(__file__).parent
CONTENDERS = ("skyulf", "polars", "sklearn")
MODULES = ("skyulf_core", "skyulf_core.serving")
Samples = dict[str, list[dict[str, float]]]


@dataclass(frozen=True)
class Goal:
    """A figure beside what it shall be: at most that, or at least."""

    title: str
    value: float
    bound: float
    unit: str = ""
    at_least: bool = False
    digits: int = 2

    @property
    def reached(self) -> bool:
        """Whether it is."""
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def line(self) -> str:
        """Say so."""
        shown, goal = (f"{number:,.{self.digits}f} {self.unit}".rstrip() for number in (self.value, self.bound))
        sign, verdict = "≥" if self.at_least else "≤", "reached" if self.reached else "MISSED"
        return f"  {self.title:52}{shown:>20}  goal {sign} {goal}: {verdict}"


def compare(folder: Path, *, rows: int, rounds: int) -> Samples:
    """Run the contenders in turn, each in a new process, on the same file."""
    path = folder / "mixed.parquet"
    mixed_frame.make(rows).write_parquet(path)
    found: Samples = {name: [] for name in CONTENDERS}
    for _ in range(rounds):
        for name in CONTENDERS:
            found[name].append(run_script("contender.py", name, str(path)))
    return found


def growth(folder: Path, sizes: Sequence[int]) -> dict[int, dict[str, float]]:
    """Learn from and transform folders of Parquet of these sizes without collecting them."""
    found = {}
    for rows in sizes:
        path = mixed_frame.write(folder / f"rows-{rows}", rows)
        found[rows] = run_script("streamed.py", str(path), str(folder / f"out-{rows}.parquet"))
    return found


def plan(folder: Path, *, rounds: int) -> dict[str, float]:
    """Time the serving plan on one row and on 10,000: the medians of so many processes."""
    path = folder / "mixed-small.parquet"
    mixed_frame.make(60_000).write_parquet(path)
    samples = [run_script("planned.py", str(path)) for _ in range(rounds)]
    return {key: statistics.median(sample[key] for sample in samples) for key in samples[0]}


def imports(*, rounds: int) -> dict[str, float]:
    """Time the imports in new processes: the median seconds above those of an empty process."""
    empty = statistics.median(_seconds("pass") for _ in range(rounds))
    return {name: statistics.median(_seconds(f"import {name}") for _ in range(rounds)) - empty for name in MODULES}


def _seconds(code: str) -> float:
    timed = f"import time; began = time.perf_counter(); {code}; print(time.perf_counter() - began)"
    done = subprocess.run([sys.executable, "-c", timed], capture_output=True, text=True, check=True)
    return float(done.stdout)


def run_script(script: str, *arguments: str) -> dict[str, float]:
    """Run a script of this folder in a process of its own, and return the figures that it prints."""
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
    """Say the medians of times and memory."""
    yield f"  {'':22}{'fit+transform s':>16}{'transform s':>13}{'memory MB':>11}"
    for name, samples in found.items():
        median = {key: statistics.median(sample[key] for sample in samples) for key in ("fit", "transform", "mb")}
        yield f"  {name:22}{median['fit']:16.2f}{median['transform']:13.3f}{median['mb']:11.0f}"


def comparison_goals(found: Samples) -> list[Goal]:
    """Return how Skyulf stands to the others: medians of the ratios of the same rounds."""
    return [
        Goal("fit+transform, times hand-written polars", ratio(found, "fit", "skyulf", "polars"), 1.2),
        Goal("transform, times hand-written polars", ratio(found, "transform", "skyulf", "polars"), 1.2),
        Goal("fit+transform, faster than scikit-learn", ratio(found, "fit", "sklearn", "skyulf"), 3.0, at_least=True),
        Goal("memory, times scikit-learn's", ratio(found, "mb", "skyulf", "sklearn"), 0.5),
    ]


def growth_lines(found: Mapping[int, Mapping[str, float]]) -> Iterable[str]:
    """Say time and memory per size."""
    yield f"  {'rows':>12}{'fit s':>9}{'transform s':>13}{'memory MB':>11}{'µs per row':>12}"
    for rows, sample in found.items():
        line = f"  {rows:12,}{sample['fit']:9.2f}{sample['transform']:13.2f}{sample['mb']:11.0f}"
        yield f"{line}{_per_row(found, rows):12.2f}"


def growth_goals(found: Mapping[int, Mapping[str, float]]) -> list[Goal]:
    """Return what ten times the rows cost: the time of each stays, and so does the memory of all."""
    few, many = sorted(found)[-2:]
    return [
        Goal(f"time per row, {many:,} by {few:,} rows", _per_row(found, many) / _per_row(found, few), 1.2),
        Goal(f"memory, {many:,} by {few:,} rows", found[many]["mb"] / found[few]["mb"], 1.5),
    ]


def _per_row(found: Mapping[int, Mapping[str, float]], rows: int) -> float:
    return (found[rows]["fit"] + found[rows]["transform"]) / rows * 1e6


def plan_goals(found: Mapping[str, float]) -> list[Goal]:
    """Return how quickly the plan runs."""
    rate = found["rows_per_second"]
    return [
        Goal("plan, one row of 20 columns through 8 nodes", found["row_us"], 30, "µs", digits=1),
        Goal("plan, 10,000 rows", rate, 1e6, "rows/s", at_least=True, digits=0),
    ]


def import_goals(found: Mapping[str, float]) -> list[Goal]:
    """Return how long imports take."""
    bounds = zip(MODULES, (0.4, 0.15), strict=True)
    return [Goal(f"import {name}", found[name], bound, "s", digits=3) for name, bound in bounds]
