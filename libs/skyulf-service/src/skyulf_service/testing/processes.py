"""Real processes: started with a log file, ended for certain, and counted afterwards."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from skyulf_service.testing.ports import http_status, wait_until

TETHER = Path(__file__).with_name("tether.py")
# Not SKYULF_…: that prefix is scrubbed from the environment of the product's children.
MARKER_VARIABLE = "TEST_RUN_MARKER"


def spawn(
    command: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    user: str | None = None,
    death_signal: signal.Signals = signal.SIGKILL,
) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own, its output appended to ``log``; it dies when this process dies."""
    tethered = [sys.executable, "-S", "-E", str(TETHER), str(os.getpid()), str(int(death_signal)), user or "-"]
    return spawner().submit(popen, [*tethered, *command], log, dict(env or os.environ), cwd).result()


@cache
def spawner() -> ThreadPoolExecutor:
    """Return the one thread that starts processes.

    The kernel sends the parent-death signal when the *thread* that started a child ends, so it must be one that lives
    as long as this process does.
    """
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")


def popen(command: list[str], log: Path, env: dict[str, str], cwd: Path | None) -> subprocess.Popen[bytes]:
    """Start the command with its output appended to the log."""
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - commands of the tests
            command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, env=env, cwd=cwd, start_new_session=True
        )


def kill_tree(process: subprocess.Popen[bytes]) -> None:
    """Send SIGKILL to the process and all it started, and wait until they are gone: a power cut, not a shutdown."""
    family = descendants(process.pid)
    process.kill()
    for member in family:
        try:
            member.kill()
        except psutil.NoSuchProcess:
            continue
    process.wait()
    wait_until(lambda: not any(running(member) for member in family), what="killed processes", timeout=10)


def descendants(pid: int) -> list[psutil.Process]:
    """List the process's children, grandchildren and so on, as they are now."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


class RunMarker:
    """Finds every process of one run again: by a variable in its environment, or because a marked one started it."""

    def __init__(self) -> None:
        self.value = uuid.uuid4().hex
        self.known: set[psutil.Process] = set()

    def environment(self) -> dict[str, str]:
        """Return the variable to add to a process's environment."""
        return {MARKER_VARIABLE: self.value}

    def observe(self) -> None:
        """Remember what the marked processes have started so far, also where the variable was removed."""
        for process in self.alive():
            self.known.update(descendants(process.pid))

    def alive(self) -> list[psutil.Process]:
        """List the run's processes that still run (zombies have ended)."""
        marked = {process for process in psutil.process_iter() if self.marks(process)}
        return [process for process in marked | self.known if running(process)]

    def marks(self, process: psutil.Process) -> bool:
        """Say whether the process carries the variable."""
        try:
            return process.environ().get(MARKER_VARIABLE) == self.value
        except (psutil.Error, OSError):
            return False

    def assert_no_orphans(self, grace: float = 5) -> None:
        """Raise AssertionError naming the processes that still run after ``grace`` seconds."""
        deadline = time.monotonic() + grace
        while (left := self.alive()) and time.monotonic() < deadline:
            time.sleep(0.05)
        if left:
            raise AssertionError("processes outlived the run: " + ", ".join(describe(process) for process in left))


def running(process: psutil.Process) -> bool:
    """Say whether the process exists and is not a zombie."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def describe(process: psutil.Process) -> str:
    """Write a process's id and command line."""
    try:
        return f"{process.pid} ({' '.join(process.cmdline())[:200]})"
    except psutil.NoSuchProcess:
        return f"{process.pid} (gone)"


class ServiceProcess:
    """A process of the product under test: ``with ServiceProcess(["skyulf", "up"], name="up", folder=tmp_path) as up``.

    Its output is in ``log``. Leaving the block ends it with all it started. ``marker`` may be shared between processes.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        name: str,
        folder: Path,
        env: Mapping[str, str] | None = None,
        marker: RunMarker | None = None,
    ) -> None:
        self.command, self.name = list(command), name
        self.log = folder / f"{name}.log"
        self.marker = marker or RunMarker()
        self.env = {**os.environ, **(env or {}), **self.marker.environment()}
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill_tree()

    @property
    def pid(self) -> int:
        """The process's id. Raises RuntimeError when it was never started."""
        return self.started().pid

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process is not None and self.process.poll() is None

    def started(self) -> subprocess.Popen[bytes]:
        """Return the process. Raises RuntimeError when it was never started."""
        if self.process is None:
            raise RuntimeError(f"{self.name} was not started")
        return self.process

    def start(self) -> None:
        """Start the process (again); its log goes on."""
        if self.alive:
            raise RuntimeError(f"{self.name} already runs")
        self.process = spawn(self.command, log=self.log, env=self.env)

    def wait_ready(self, url: str, *, timeout: float = 60) -> None:
        """Wait for a 200 of the URL. Raises with the end of the log when the process ends or the time is over."""
        try:
            wait_until(
                lambda: http_status(url) == 200, what=f"{self.name} at {url}", timeout=timeout, alive=self.is_alive
            )
        except (RuntimeError, TimeoutError) as error:
            raise type(error)(f"{error}\n{self.log_text()[-4000:]}") from None

    def is_alive(self) -> bool:
        """Say whether the process runs."""
        return self.alive

    def kill(self) -> None:
        """Send SIGKILL to the process alone; what it started must notice by itself."""
        self.marker.observe()
        self.started().kill()
        self.started().wait()

    def terminate(self, timeout: float = 30) -> int:
        """Send SIGTERM and return the exit status. Raises subprocess.TimeoutExpired after ``timeout`` seconds."""
        self.marker.observe()
        self.started().terminate()
        return self.started().wait(timeout)

    def pause(self) -> None:
        """Stop the process in its tracks (SIGSTOP)."""
        self.started().send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused process go on (SIGCONT)."""
        self.started().send_signal(signal.SIGCONT)

    def kill_tree(self) -> None:
        """End the process and all it started, if it runs."""
        if self.process is None:
            return
        self.marker.observe()
        kill_tree(self.process)
        for process in self.marker.alive():
            if process in self.marker.known:
                process.kill()

    def log_text(self) -> str:
        """Return what the process has written."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""
