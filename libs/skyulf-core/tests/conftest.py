"""At the end of a run: which nodes `check_node` has covered. A node that it has not is a failure."""

import pytest
from skyulf_core import NodeRegistry

FILE, TEST = "test_nodes_checks.py", "test_node_keeps_every_promise"
Names = set[str]
COVERED, ATTEMPTED = pytest.StashKey[Names](), pytest.StashKey[Names]()
PARTIAL, MISSED = pytest.StashKey[bool](), pytest.StashKey[Names]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[COVERED], config.stash[ATTEMPTED] = set(), set()
    config.pluginmanager.register(Recorder(config))


class Recorder:
    """Notes the outcome of every check; a plug-in of its own, because reports do not know the configuration."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        path, _, test = report.nodeid.partition("::")
        name, _, parameter = test.partition("[")
        if not path.endswith(FILE) or name != TEST:
            return
        node = parameter.removesuffix("]")
        self._config.stash[ATTEMPTED].add(node)
        if report.when == "call" and report.passed:
            self._config.stash[COVERED].add(node)

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        if any(item.path.name == FILE for item in items):
            self._config.stash[PARTIAL] = True


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    config = session.config
    if hasattr(config, "workerinput") or not _whole(session):
        return
    missed = set(NodeRegistry.names()) - config.stash[COVERED]
    config.stash[MISSED] = missed
    if missed and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    covered = config.stash[COVERED]
    if not covered:
        return
    terminalreporter.section("nodes")
    terminalreporter.write_line(f"check_node covered {len(covered)} nodes: {', '.join(sorted(covered))}")
    missed = config.stash.get(MISSED, set())
    if missed:
        terminalreporter.write_line(f"check_node did not cover: {', '.join(sorted(missed))}", red=True)


def _whole(session: pytest.Session) -> bool:
    """Whether all of the file was meant to run: nothing deselected, no single test asked for, not stopped early."""
    config = session.config
    asked_for = any("::" in argument for argument in config.args) or bool(config.option.keyword)
    stopped = bool(session.shouldstop or session.shouldfail)
    return bool(config.stash[ATTEMPTED]) and not (config.stash.get(PARTIAL, False) or asked_for or stopped)
