"""AutoML: Skyulf beside FLAML, in turn, with the same seconds and cores, on five real sets.

``python tests/performance/automl.py [--quick] [--seconds S] [--rounds N] [--sets NAME,NAME]`` prints scores on held-out
rows, seconds, and mean ranks. What is finished is kept: a run that was interrupted goes on. FLAML gets an environment
of its own (its libraries' versions need not be ours), made once below the user's cache.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import polars as pl
from sklearn import datasets
from sklearn.model_selection import train_test_split

from performance import flights
from performance.kept import Kept, Sample, cache_folder
from performance.preprocessing import Goal

HELD_OUT, SEED = 0.3, 0
TARGET = "target"
SETS = {
    "breast cancer": "classification", "digits": "classification", "penguins": "classification",
    "flights": "classification", "diabetes": "regression",
}  # fmt: skip
CONTENDERS = ("skyulf", "flaml")
SCRIPT = Path(__file__).with_name("automl_contender.py")
PACKAGES = ("flaml", "lightgbm", "xgboost-cpu", "scikit-learn", "pandas", "pyarrow", "scipy")
Found = dict[str, dict[str, list[Sample]]]
"""Samples by set and contender."""
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Size:
    """How much is searched: seconds per set and contender, how often, on which sets, of at most how many rows."""

    seconds: float = 120.0
    rounds: int = 1
    sets: tuple[str, ...] = tuple(SETS)
    rows: int | None = None

    def title(self) -> str:
        """Say so."""
        return f"AutoML, {self.seconds:g} s, {self.rounds} round{'s' if self.rounds > 1 else ''}, held-out rows"


QUICK = Size(seconds=6.0, rows=600)


def frame(name: str) -> pl.DataFrame:
    """Return a set with its target under one name."""
    if name == "flights":
        return flights.frame().rename({flights.TARGET: TARGET})
    if name == "penguins":
        from palmerpenguins import load_penguins

        return pl.from_pandas(load_penguins()).drop_nulls("sex").rename({"sex": TARGET})
    load = {
        "breast cancer": datasets.load_breast_cancer, "digits": datasets.load_digits, "diabetes": datasets.load_diabetes
    }[name]  # fmt: skip
    return pl.from_pandas(load(as_frame=True).frame)


def environment() -> Path:
    """Return the Python of FLAML's environment; it is made where it is not there yet."""
    folder = cache_folder() / "flaml"
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        uv = [sys.executable, "-m", "uv"]
        subprocess.run([*uv, "venv", "-q", "--clear", "--python", sys.executable, str(folder)], check=True)
        subprocess.run([*uv, "pip", "install", "-q", "--python", str(python), *PACKAGES], check=True)
        (folder / "ready").touch()
    return python


def compare(folder: Path, size: Size, tell: Tell = print) -> Found:
    """Run both on every set, each in a new process; every round holds other rows out, and begins with the other."""
    pythons = {"skyulf": Path(sys.executable), "flaml": environment()}
    kept = Kept("automl", {**asdict(size), "sets": [*size.sets]}, [SCRIPT])
    found: Found = {name: {contender: [] for contender in CONTENDERS} for name in size.sets}
    for turn in range(size.rounds):
        for name in size.sets:
            paths = _write(folder, name, turn, size.rows)
            for contender in CONTENDERS if turn % 2 == 0 else reversed(CONTENDERS):
                arguments = [contender, *map(str, paths), SETS[name], str(size.seconds)]
                key = f"{name}, {contender}, round {turn + 1}"
                known = key in kept
                sample = kept.sample(key, lambda who=contender, given=arguments: _run(pythons[who], given))
                found[name][contender].append(sample)
                said = f"{sample['score']:.5f}, {sample['seconds']:.1f} s, cpu {sample['cpu']:.1f} s"
                tell(f"  … {key}: {said}{', kept' if known else ''}")
    kept.done()
    return found


def _write(folder: Path, name: str, turn: int, most: int | None) -> tuple[Path, Path]:
    """Write the rows to learn from and those held out."""
    data = frame(name)
    if most is not None and data.height > most:
        data = data.sample(most, seed=SEED)
    strata = data[TARGET].to_list() if SETS[name] == "classification" else None
    parts = train_test_split(range(data.height), test_size=HELD_OUT, random_state=SEED + turn, stratify=strata)
    paths = folder / "training.parquet", folder / "test.parquet"
    for path, rows in zip(paths, parts, strict=True):
        data[rows].write_parquet(path)
    return paths


def _run(python: Path, arguments: list[str]) -> Sample:
    command = [str(python), "-W", "ignore", str(SCRIPT), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ})
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{done.stderr[-3000:]}")
    said: Sample = json.loads(done.stdout.splitlines()[-1])
    return said


def ranks(found: Found) -> dict[str, float]:
    """Return the mean rank of each contender over sets and rounds; equal scores share theirs."""
    given: dict[str, list[float]] = {contender: [] for contender in CONTENDERS}
    for name, by_contender in found.items():
        sign = -1.0 if SETS[name] == "regression" else 1.0
        for samples in zip(*(by_contender[contender] for contender in CONTENDERS), strict=True):
            scores = [sign * round(sample["score"], 6) for sample in samples]
            for contender, score in zip(CONTENDERS, scores, strict=True):
                better, equal = sum(other < score for other in scores), sum(other == score for other in scores)
                given[contender].append(better + (equal + 1) / 2)
    return {contender: statistics.fmean(each) for contender, each in given.items()}


def lines(found: Found) -> Iterable[str]:
    """Say scores (medians of the rounds) and seconds."""
    yield f"  {'':16}{'metric':>10}" + "".join(f"{name:>12}{'seconds':>10}{'cpu s':>10}" for name in CONTENDERS)
    for name in found:
        cells = f"  {name:16}{'log loss' if SETS[name] == 'classification' else 'R²':>10}"
        for contender in CONTENDERS:
            samples = found[name][contender]
            cells += f"{statistics.median(sample['score'] for sample in samples):12.4f}"
            cells += f"{max(sample['seconds'] for sample in samples):10.1f}"
            cells += f"{max(sample['cpu'] for sample in samples):10.1f}"
        yield cells
    yield "  mean rank       " + " " * 10 + "".join(f"{rank:12.2f}{'':20}" for rank in ranks(found).values())


def goals(found: Found, seconds: float) -> list[Goal]:
    """Return how Skyulf stands: its rank to FLAML's, and its longest run to the budget."""
    mean = ranks(found)
    longest = max(sample["seconds"] for by_contender in found.values() for sample in by_contender["skyulf"])
    return [
        Goal("mean rank beside FLAML's", mean["skyulf"], mean["flaml"]),
        Goal("longest run, times the budget", longest / seconds, 1.1),
    ]


def report(found: Found, size: Size) -> list[str]:
    """Return figures, and goals where the sets are whole."""
    said = [size.title(), *lines(found)]
    return [*said, *(goal.line() for goal in goals(found, size.seconds))] if size.rows is None else said


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="few rows and seconds: to see that it works")
    parser.add_argument("--seconds", type=float, help=f"seconds per set and contender (default {Size.seconds:g})")
    parser.add_argument("--rounds", type=int, default=1, help="how often, each time with other rows held out")
    parser.add_argument("--sets", default=",".join(SETS), help="which sets, with commas")
    given = parser.parse_args()
    base = QUICK if given.quick else Size()
    size = Size(given.seconds or base.seconds, given.rounds, tuple(given.sets.split(",")), base.rows)
    with tempfile.TemporaryDirectory() as folder:
        found = compare(Path(folder), size, lambda line: print(line, flush=True))
    print(*report(found, size), sep="\n")


if __name__ == "__main__":
    main()
