"""What the native servers share: a data folder and ports that survive restarts, and a certain end."""

import atexit
import os
import shutil
import signal
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

import psutil

from skyulf_service.testing.ports import wait_until
from skyulf_service.testing.processes import kill_tree, spawn

PREFIX = "skyulf-native-"


class NativeServer(ABC):
    """A server as a process of this machine.

    ``start`` prepares the data folder once; ``stop``, ``kill`` and ``restart`` keep folder and ports; ``close`` (or
    leaving the ``with`` block) ends it and removes a folder that the server made itself. All calls block.
    """

    kind: ClassVar[str]
    start_timeout: ClassVar[float] = 60
    stop_timeout: ClassVar[float] = 20
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    death_signal: ClassVar[signal.Signals] = signal.SIGKILL
    user: str | None = None

    def __init__(self, folder: Path | None = None) -> None:
        self.own_folder = folder is None
        self.folder = folder or new_folder(self.kind)
        self.log = self.folder / f"{self.kind}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.prepared = False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def prepare(self) -> None:
        """Make the data folder; called once, before the first start."""

    @abstractmethod
    def command(self) -> list[str]:
        """Return the command that runs the server in the foreground."""

    @abstractmethod
    def ready(self) -> bool:
        """Say whether the server serves."""

    @abstractmethod
    def address(self) -> dict[str, str]:
        """Return what a client needs, as text."""

    def environment(self) -> Mapping[str, str]:
        """Return what to add to the server's environment."""
        return {}

    def alive(self) -> bool:
        """Say whether the process runs."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start the server and wait until it serves; nothing when it runs.

        Raises RuntimeError or TimeoutError with the end of its log, RuntimeError when its port is taken.
        """
        if self.alive():
            return
        if not self.prepared:
            atexit.register(self.close)
            self.prepare()
            self.prepared = True
        if self.ready():
            raise RuntimeError(f"{self.kind}: something else answers at {self.address()}")
        env = {**os.environ, **self.environment()}
        self.process = spawn(
            self.command(), log=self.log, env=env, cwd=self.folder, user=self.user, death_signal=self.death_signal
        )
        try:
            wait_until(self.ready, what=self.kind, timeout=self.start_timeout, alive=self.alive)
        except (RuntimeError, TimeoutError) as error:
            self.kill()
            raise type(error)(f"{error}\n{self.log.read_text(errors='replace')[-4000:]}") from None

    def stop(self) -> None:
        """Shut the server down properly; killed when that takes longer than ``stop_timeout`` seconds."""
        if self.process is None or not self.alive():
            return
        self.resume()
        self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(self.stop_timeout)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the server and its children with SIGKILL."""
        if self.process is not None and self.alive():
            kill_tree(self.process)

    def restart(self) -> None:
        """Stop properly and start again on the same folder and ports."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze the process (SIGSTOP): connections stay open and nothing answers."""
        self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen process go on (SIGCONT)."""
        self.signal(signal.SIGCONT)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the server's process and its children, if it runs."""
        if self.process is not None and self.alive():
            self.process.send_signal(number)

    def close(self) -> None:
        """End the server for good; removes its folder if it made it."""
        self.kill()
        atexit.unregister(self.close)
        if self.own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)


def new_folder(kind: str) -> Path:
    """Make a folder for a server of this process; removes those of processes that were killed before they could."""
    root = Path(tempfile.gettempdir())
    for old in root.glob(f"{PREFIX}*"):
        pid = old.name.removeprefix(PREFIX).split("-")[0]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(old, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-{kind}-", dir=root))
    folder.chmod(0o755)
    return folder
