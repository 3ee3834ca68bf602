"""Searching parameters: Skyulf beside scikit-learn's RandomizedSearchCV and optuna, in turn, on the same rows.

``python tests/performance/tuning.py [--quick] [--rows N] [--rounds N]`` prints times, best scores and their ratios.
What is finished is kept: a run that was interrupted goes on. optuna's own integration (`OptunaSearchCV`) is installed
once below the user's cache; where it is not to be had, optuna runs scikit-learn's `cross_val_score`.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from performance import mixed_frame
from performance.kept import Kept, Sample, cache_folder
from performance.preprocessing import Goal, Samples, ratio, run_script

CONTENDERS = ("random", "sklearn", "optuna", "optuna-own")
SCRIPT = Path(__file__).with_name("tuning_contender.py")
LEAST_ROWS = 50_000
"""Fewer rows say nothing about the goals."""
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Size:
    """How much is searched."""

    rows: int = 100_000
    trials: int = 20
    folds: int = 5
    rounds: int = 1

    def title(self) -> str:
        """Say so."""
        return f"Tuning, {self.rows:,} x 20, {self.trials} trials x {self.folds} folds"


QUICK = Size(rows=3_000, trials=5, folds=3)


def compare(folder: Path, size: Size, tell: Tell = print) -> Samples:
    """Run the contenders in turn, each in a new process: trials of boosting with preprocessing; tell of each."""
    path = folder / "mixed-tuning.parquet"
    mixed_frame.make(size.rows).write_parquet(path)
    kept, extra = Kept("tuning", asdict(size), [SCRIPT]), integration()
    found: Samples = {name: [] for name in CONTENDERS}
    for turn in range(size.rounds):
        for name in _in_turn(turn):
            key = f"{name}, round {turn + 1}"
            known = key in kept
            arguments = (name, str(path), str(size.trials), str(size.folds))
            sample = kept.sample(key, lambda given=arguments: _run(given, extra))
            found[name].append(sample)
            tell(f"  … {key}: {sample['seconds']:.1f} s, cpu {sample['cpu']:.1f} s{', kept' if known else ''}")
    kept.done()
    return found


def _in_turn(turn: int) -> Iterable[str]:
    """Return the contenders; every other round from the last to the first."""
    return CONTENDERS if turn % 2 == 0 else reversed(CONTENDERS)


def _run(arguments: tuple[str, ...], extra: Path | None) -> Sample:
    return run_script("tuning_contender.py", *arguments, *([] if extra is None else [str(extra)]))


def integration() -> Path | None:
    """Return the folder of optuna's integration, installed where it is not there yet; None where it is not to be had.

    It has a folder of its own, and our scikit-learn and optuna beside it.
    """
    folder = cache_folder() / "optuna-integration"
    if not (folder / "optuna_integration").exists():
        uv = [sys.executable, "-m", "uv", "pip", "install", "-q", "--python", sys.executable]
        done = subprocess.run([*uv, "--no-deps", "--target", str(folder), "optuna-integration"], check=False)
        if done.returncode:
            return None
    return folder


def lines(found: Samples) -> Iterable[str]:
    """Say times, best scores and how many folds were run."""
    yield f"  {'':14}{'seconds':>10}{'cpu s':>9}{'best roc_auc':>14}{'folds':>8}"
    for name, samples in found.items():
        for sample in samples:
            times = f"{sample['seconds']:10.1f}{sample['cpu']:9.1f}"
            yield f"  {name:14}{times}{sample['best']:14.5f}{sample['folds']:8.0f}"


def goals(found: Samples) -> list[Goal]:
    """Return how Skyulf stands to both: its time, and how much worse its best of the same candidates is at most."""
    return [
        Goal("random search, times RandomizedSearchCV's time", ratio(found, "seconds", "random", "sklearn"), 0.6),
        Goal("random search, times its processor time", ratio(found, "cpu", "random", "sklearn"), 0.6),
        Goal("random search, best score short of scikit-learn's", _short(found, "random", "sklearn"), 1e-3, digits=5),
        Goal("optuna, times the time of optuna by itself", ratio(found, "seconds", "optuna", "optuna-own"), 0.7),
        Goal("optuna, times its processor time", ratio(found, "cpu", "optuna", "optuna-own"), 0.7),
    ]


def _short(found: Samples, mine: str, theirs: str) -> float:
    pairs = zip(found[mine], found[theirs], strict=True)
    return max(max(their["best"] - my["best"], 0.0) for my, their in pairs)


def report(found: Samples, size: Size) -> list[str]:
    """Return figures, and goals where there are rows enough for them."""
    said = [size.title(), *lines(found)]
    return [*said, *(goal.line() for goal in goals(found))] if size.rows >= LEAST_ROWS else said


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="few rows and trials: to see that it works")
    parser.add_argument("--rows", type=int, help=f"rows (default {Size.rows:,})")
    parser.add_argument("--rounds", type=int, default=1, help="how often each contender runs")
    given = parser.parse_args()
    base = QUICK if given.quick else Size()
    size = Size(given.rows or base.rows, base.trials, base.folds, given.rounds)
    with tempfile.TemporaryDirectory() as folder:
        found = compare(Path(folder), size, lambda line: print(line, flush=True))
    print(*report(found, size), sep="\n")


if __name__ == "__main__":
    main()
