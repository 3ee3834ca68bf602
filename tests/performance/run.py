"""``make bench``: measure Skyulf beside its competitors in the same run, print it, and end.

Preprocessing beside hand-written polars and scikit-learn; predictions per second (directly at inference and through the
gateway), cold start and memory of an inference process, submit to running and commit to consumed; in one process, and
distributed over real Kafka, PostgreSQL and S3.
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

from performance import cold_start, flights, flow, installations, preprocessing, report, serving
from performance.installations import Competitor
from performance.serving import Measured, Target

MOST_SECONDS = 1_500


@dataclass
class Bench:
    """One run of all measurements."""

    folder: Path
    quick: bool
    results: dict[str, object] = field(default_factory=dict)

    def run(self) -> None:
        """Measure everything."""
        began = time.monotonic()
        self.preprocessing()
        training, self.rows = flights.write(self.folder)
        self.competitor = installations.train_competitor(training, self.folder)
        self.embedded(training)
        self.distributed(training)
        self.results["seconds"] = time.monotonic() - began
        say([f"It took {self.results['seconds']:.0f} s."])

    def preprocessing(self) -> None:
        """The library alone."""
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
            "goals": [{**asdict(goal), "reached": goal.reached} for goal in goals],
        }  # fmt: skip
        shutil.rmtree(folder)

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


def say(lines: Iterable[str]) -> None:
    """Print a part of the report as soon as it is known."""
    print("\n".join([*lines, ""]), flush=True)


def main() -> None:
    """Measure, print, and write JSON where it is wanted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--library", action="store_true", help="measure the library alone")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds: to see that it works")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results here too")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGALRM, lambda *_: sys.exit(f"It took longer than {MOST_SECONDS} s."))
    signal.alarm(MOST_SECONDS)
    folder = Path(tempfile.mkdtemp(prefix="skyulf-bench-"))
    bench = Bench(folder, quick=given.quick)
    try:
        bench.preprocessing() if given.library else bench.run()
    finally:
        if given.json is not None:
            given.json.write_text(json.dumps(bench.results, indent=2) + "\n")
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
