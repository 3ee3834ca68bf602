"""``make bench``: measure Skyulf beside its competitors in the same run, print it, and end.

Preprocessing beside hand-written polars and scikit-learn; every model beside the library that it comes from; tuning
beside scikit-learn and optuna; predictions per second (directly at inference and through the gateway), cold start and
memory of an inference process, submit to running and commit to consumed; in one process, and distributed over real
Kafka, PostgreSQL and S3. `--library` and `--tuning` run one part alone; `--automl` (AutoML beside FLAML, 20 minutes)
runs only where it is named.
"""

import argparse
import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from skyulf_service.testing.ports import free_port

from performance import automl, cold_start, flights, flow, installations, models, preprocessing, report, serving, tuning
from performance.installations import Competitor
from performance.serving import Measured, Target

PARTS = {"street": 1_500, "library": 900, "tuning": 3_600, "automl": 2_400}
"""The parts, and how many seconds each may take."""


@dataclass
class Bench:
    """One run of all measurements."""

    folder: Path
    quick: bool
    results: dict[str, object] = field(default_factory=dict)

    def run(self, parts: Iterable[str]) -> None:
        """Measure parts, one after the other."""
        began = time.monotonic()
        measure = {
            "library": self.library, "street": self.street, "tuning": self.tuning, "automl": self.automl,
        }  # fmt: skip
        for part in parts:
            measure[part]()
        self.results["seconds"] = time.monotonic() - began
        say([f"It took {self.results['seconds']:.0f} s."])

    def street(self) -> None:
        """Jobs, events and predictions, in both forms."""
        training, self.rows = flights.write(self.folder)
        self.competitor = installations.train_competitor(training, self.folder)
        self.embedded(training)
        self.distributed(training)

    def tuning(self) -> None:
        """Searching parameters."""
        size = tuning.QUICK if self.quick else tuning.Size()
        found = tuning.compare(new(self.folder / "tuning"), size, lambda line: print(line, flush=True))
        say(tuning.report(found, size))
        self.results["tuning"] = {"samples": found, "goals": [as_dict(goal) for goal in tuning.goals(found)]}

    def automl(self) -> None:
        """Everything chosen by itself."""
        size = automl.QUICK if self.quick else automl.Size()
        found = automl.compare(new(self.folder / "automl"), size, lambda line: print(line, flush=True))
        say(automl.report(found, size))
        self.results["automl"] = {
            "samples": found, "ranks": automl.ranks(found),
            "goals": [as_dict(goal) for goal in automl.goals(found, size.seconds)],
        }  # fmt: skip

    def library(self) -> None:
        """Measure the library alone."""
        self.preprocessing()
        self.models()

    def preprocessing(self) -> None:
        """Preprocessing by the library alone."""
        folder, rounds = new(self.folder / "preprocessing"), 3 if self.quick else 5
        rows = 100_000 if self.quick else 1_000_000
        compared = preprocessing.compare(folder, rows=rows, rounds=rounds)
        say([f"Preprocessing, {rows:,} x 20, medians of {rounds}", *preprocessing.comparison_lines(compared)])
        sizes = (10**4, 10**5, 10**6) if self.quick else (10**5, 10**6, 10**7)
        grown = preprocessing.growth(folder, sizes)
        say(["Growth, Parquet to Parquet in a stream", *preprocessing.growth_lines(grown)])
        planned = preprocessing.plan(folder, rounds=rounds)
        imported = preprocessing.imports(rounds=rounds)
        goals = [
            *preprocessing.comparison_goals(compared), *preprocessing.growth_goals(grown),
            *preprocessing.plan_goals(planned), *preprocessing.import_goals(imported),
        ]  # fmt: skip
        reached = sum(goal.reached for goal in goals)
        say([f"The library's goals, {reached} of {len(goals)} reached", *(goal.line() for goal in goals)])
        self.results["preprocessing"] = {
            "compared": compared, "growth": grown, "plan": planned, "imports": imported,
            "goals": [as_dict(goal) for goal in goals],
        }  # fmt: skip
        shutil.rmtree(folder)

    def models(self) -> None:
        """The models of the library, row by row and in batches, beside those that they come from."""
        rows, batches = models.measure()
        goals = models.goals(rows, batches)
        reached = sum(goal.reached for goal in goals)
        say(["Predictions of 10,000 rows by one thread, processor time", *models.lines(batches)])
        say([f"The models' goals, {reached} of {len(goals)} reached", *(goal.line() for goal in goals)])
        self.results["models"] = {"rows": rows, "batches": batches, "goals": [as_dict(goal) for goal in goals]}

    def embedded(self, training: Path) -> None:
        """All of Skyulf in one process."""
        folder = new(self.folder / "embedded")
        with installations.embedded(folder) as skyulf, self.competitor.running(folder) as theirs:
            api = installations.deploy(skyulf, training)
            self.flow("embedded", flow.measure(api, installations.databases_of(skyulf), runs=self.runs))
            targets = [theirs, installations.gateway_target("Skyulf, one process, with API key", api)]
            self.serving("embedded", targets)

    def distributed(self, training: Path) -> None:
        """Skyulf in a process per role."""
        folder = new(self.folder / "distributed")
        with installations.distributed(folder) as skyulf, self.competitor.running(folder) as theirs:
            api = installations.deploy(skyulf, training)
            self.flow("distributed", flow.measure(api, installations.databases_of(skyulf), runs=self.runs))
            role = skyulf.roles["inference-api"]
            targets = [
                theirs,
                installations.direct_target("Skyulf inference, internal token", skyulf, api, role.port),
                installations.gateway_target("Skyulf gateway → inference, API key", api),
            ]
            self.serving("distributed", targets)
            port = free_port()
            ours = installations.direct_target("inference", skyulf, api, port)
            env = {**role.process.env, "SKYULF_INFERENCE_PORT": str(port)}
            self.cold_start(ours, role.process.command, env, self.competitor)

    @property
    def runs(self) -> int:
        """How many tiny jobs are run."""
        return 8 if self.quick else 20

    def flow(self, form: str, found: dict[str, float]) -> None:
        """Tell how quickly work began and events arrived."""
        self.results[f"flow_{form}"] = found
        say([f"Jobs and events, {form}", *report.flow_lines(found)])

    def serving(self, form: str, targets: list[Target]) -> None:
        """Measure and compare predictions; the first target is the competitor."""
        rounds, seconds = (3, 1.5) if self.quick else (5, 3.0)
        found = serving.measure(targets, self.rows, rounds=rounds, seconds=seconds)
        theirs = targets[0].name
        said: dict[str, object] = {}
        checks = []
        for name, measured in found.items():
            rows, difference = serving.largest_difference(measured.chances, found[theirs].chances)
            said[name] = self._said(found, name, theirs, difference)
            checks.append((rows, difference))
        self.results[f"serving_{form}"] = said
        rows, difference = min(each[0] for each in checks), max(each[1] for each in checks)
        title = f"One-row predictions, {form}: {flights.TREES} trees, {len(flights.FEATURES)} columns, 8 connections"
        same = f"  (answers compared on {rows} rows: the largest difference is {difference:g})"
        say([f"{title}, {rounds} rounds of {seconds:g} s", *report.serving_lines(found, theirs), same])

    @staticmethod
    def _said(found: dict[str, Measured], name: str, theirs: str, difference: float) -> dict[str, float]:
        ratio = report.ratio(found, name, theirs)
        return {**found[name].summary(), "ratio": ratio, "largest_difference": difference}

    def cold_start(self, ours: Target, command: list[str], env: dict[str, str], competitor: Competitor) -> None:
        """Start both servers some times."""
        times, port = 3 if self.quick else 5, free_port()
        row = json.loads(self.rows.read_text())[0]
        log = self.folder / "cold-start.log"
        found = cold_start.measure(ours, command, env, row, log, times=times)
        theirs = cold_start.measure(competitor.target(port), competitor.command(port), {}, row, log, times=times)
        self.results["cold_start"] = {"inference": found, "competitor": theirs}
        say([f"Cold start of an inference process, {times} times", *report.start_lines(found, theirs)])


def new(folder: Path) -> Path:
    """Make a folder."""
    folder.mkdir()
    return folder


def as_dict(goal: preprocessing.Goal) -> dict[str, object]:
    """Return a goal, and whether it is reached."""
    return {**asdict(goal), "reached": goal.reached}


def say(lines: Iterable[str]) -> None:
    """Print a part of the report as soon as it is known."""
    print("\n".join([*lines, ""]), flush=True)


def main() -> None:
    """Measure, print, and write JSON where it is wanted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--library", action="store_true", help="measure the preprocessing of the library alone")
    parser.add_argument("--tuning", action="store_true", help="measure tuning alone: 20 trials on 100,000 rows")
    parser.add_argument(
        "--automl", action="store_true", help="measure AutoML beside FLAML: five sets, 120 s each, twice"
    )
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds: to see that it works")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results here too")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parts = [part for part in ("library", "tuning", "automl") if getattr(given, part)] or [
        "library",
        "street",
        "tuning",
    ]
    most = sum(PARTS[part] for part in parts)
    signal.signal(signal.SIGALRM, lambda *_: sys.exit(f"It took longer than {most} s."))
    signal.alarm(most)
    folder = Path(tempfile.mkdtemp(prefix="skyulf-bench-"))
    bench = Bench(folder, quick=given.quick)
    try:
        bench.run(parts)
    finally:
        if given.json is not None:
            given.json.write_text(json.dumps(bench.results, indent=2) + "\n")
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
