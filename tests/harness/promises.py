"""What Skyulf promises when things break, and a line per promise at the end of a test run.

A test says which promise it breaks things for (``@pytest.mark.promise("R1")``), and may tell its figures with the
fixture `figures`. This is a plugin of pytest, loaded by the root's conftest.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

PROMISES = {
    "R1": "accepted work is never lost",
    "R2": "a repeated POST has one effect",
    "R3": "every committed event leaves, in order",
    "R4": "the API accepts while Kafka is down",
    "R5": "a restart of a database is survived",
    "R6": "a poison message stops nobody",
    "R7": "rebalances are harmless",
    "R8": "long jobs do not disturb consumption",
    "R9": "a zombie cannot write",
    "R10": "memory exhaustion is contained",
    "R11": "a rolling restart is invisible",
    "R12": "a hot swap is atomic",
    "R13": "a deployment waits for its artifact",
    "R14": "order and duplicates do not matter",
    "R15": "missed events are repaired",
    "R16": "no stampede on a cold model",
    "R17": "full disks and broken uploads leave nothing partial",
    "R18": "overload sheds",
    "R19": "serving outlives its neighbours",
    "R20": "cancelled means stopped",
    "R21": "the embedded form loses no update",
    "R23": "no request crashes the API",
    "R24": "tenants are isolated",
    "R25": "artifacts cannot attack",
}
MARK, FIGURES, NUMBER = "promise", "figures", "promise"
SECTION = "promises"


Figures = Callable[[str], None]


@dataclass
class Line:
    """What became of one promise in this run."""

    passed: int = 0
    failed: int = 0
    seconds: float = 0.0
    figures: list[str] = field(default_factory=list)

    def add(self, report: pytest.TestReport) -> None:
        """Count a report of a test's call, or of a fixture that broke."""
        self.seconds += report.duration
        if report.failed:
            self.failed += 1
        elif report.when == "call" and report.passed:
            self.passed += 1
            # a test may tell "0 lost" before it looks: only what holds is told
            self.figures += [str(value) for name, value in report.user_properties if name == FIGURES]

    @property
    def tried(self) -> int:
        """How many tests tried it."""
        return self.passed + self.failed

    def __str__(self) -> str:
        state = "BROKEN" if self.failed else "held" if self.passed else "not tried"
        tried = f"{self.tried} tests, {self.seconds:.0f} s" if self.tried else ""
        told = [text if times == 1 else f"{text} ({times} times)" for text, times in Counter(self.figures).items()]
        return f"{state:<9} {tried:<17} {'; '.join(told)}".rstrip()


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", f"{MARK}(number): breaks something to see whether this promise holds (R1, ...)")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Write each test's promises into its report; refuse a promise that nobody made."""
    for item in items:
        for mark in item.iter_markers(MARK):
            if mark.args[0] not in PROMISES:
                raise pytest.UsageError(f"{item.nodeid}: there is no promise {mark.args[0]}")
            item.user_properties.append((NUMBER, mark.args[0]))


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Figures:
    """Tell a figure of this test, to be printed in the line of its promise."""
    return lambda text: request.node.user_properties.append((FIGURES, text))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A run of all promises fails where one was not tried: all its tests were skipped, or left out."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")  # a worker of pytest-xdist has none
    if session.exitstatus == pytest.ExitCode.OK and reporter is not None and untried(reporter):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a line per promise, where one was tried."""
    lines, whole = lines_of(terminalreporter), is_whole(terminalreporter.config)
    if whole or any(line.tried for line in lines.values()):
        terminalreporter.section(SECTION)
        for number, line in lines.items():
            if whole or line.tried:
                terminalreporter.write_line(f"{number:<4} {PROMISES[number]:<50} {line}")
    if missing := untried(terminalreporter):
        terminalreporter.write_line(f"Not shown to hold, because no test tried it: {', '.join(missing)}.")


def lines_of(reporter: pytest.TerminalReporter) -> dict[str, Line]:
    """What became of each promise so far."""
    lines = {number: Line() for number in PROMISES}
    for report in [report for reports in reporter.stats.values() for report in reports]:
        if isinstance(report, pytest.TestReport):
            for number in [value for name, value in report.user_properties if name == NUMBER]:
                lines[str(number)].add(report)
    return lines


def untried(reporter: pytest.TerminalReporter) -> list[str]:
    """The promises that a run of everything that is promised has left out; none of another run."""
    lines = lines_of(reporter) if is_whole(reporter.config) else {}
    return [number for number, line in lines.items() if not line.tried]


def is_whole(config: pytest.Config) -> bool:
    """Whether this run is to try all promises (``-m promise``), and not only those of files that somebody named."""
    named = config.args_source is not pytest.Config.ArgsSource.TESTPATHS
    return config.getoption("markexpr") == MARK and not named and not config.getoption("collectonly")
