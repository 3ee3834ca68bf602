"""One child process as its parent sees it: started, spoken to, listened to, and ended with all that it started."""

import asyncio
import json
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from pydantic import JsonValue

from skyulf_service.work.child import MAX_TOLD
from skyulf_service.work.memory import group_members

_KEPT_VARIABLES = {
    "HOME",
    "LANG",
    "LANGUAGE",
    "LD_LIBRARY_PATH",
    "LOKY_MAX_CPU_COUNT",
    "PATH",
    "POLARS_MAX_THREADS",
    "PYTHONHASHSEED",
    "PYTHONPATH",
    "TMPDIR",
    "TZ",
    "VIRTUAL_ENV",
}
_KEPT_ENDINGS = ("_NUM_THREADS",)
# which instructions and block sizes numeric libraries compute with decides the last bits of what is learned: a child
# must end in the same ones as the library does in the operator's own shell
_KEPT_BEGINNINGS = ("LC_", "BLIS_", "MKL_", "NPY_", "NVPL_", "OPENBLAS_")
_END_SECONDS = 2.0
_ENVELOPE_BYTES = 64
_LOG_FILE_BYTES = 1 << 20
_LOG_TAIL_BYTES = 32 << 10
_LOG_TAIL_LINES = 200


def scrubbed_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a child sees of our environment: a short list of harmless variables, so never a credential or an address."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT_VARIABLES or name.endswith(_KEPT_ENDINGS) or name.startswith(_KEPT_BEGINNINGS)
    }
    return {**kept, **(extra or {})}


class ChildLog:
    """What a child prints: a bounded file in scratch, and its tail in memory."""

    def __init__(self) -> None:
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self._file: BinaryIO | None = None
        self._written = 0

    def open(self, path: Path) -> None:
        """Write to a file from now on, up to 1 MiB; the tail is kept beyond that."""
        self._file = open(path, "ab", buffering=0)  # noqa: SIM115 - closed by close

    def feed(self, data: bytes) -> None:
        """Take some output."""
        if self._file is not None and self._written < _LOG_FILE_BYTES:
            part = data[: _LOG_FILE_BYTES - self._written]
            self._written += len(part)
            with suppress(OSError):  # a full disk must not stop the reading, or the child would hang
                self._file.write(part)
        self._tail.append(data[-_LOG_TAIL_BYTES:])
        self._tail_size += len(self._tail[-1])
        while self._tail_size - len(self._tail[0]) >= _LOG_TAIL_BYTES:
            self._tail_size -= len(self._tail.popleft())

    def lines(self) -> tuple[str, ...]:
        """The last lines."""
        text = b"".join(self._tail)[-_LOG_TAIL_BYTES:].decode("utf-8", "replace")
        return tuple(text.splitlines()[-_LOG_TAIL_LINES:])

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


class SpawnedChild:
    """A process running `skyulf_service.work.child`, leader of its own group and session."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        spec: int,
        messages: asyncio.StreamReader,
        transport: asyncio.ReadTransport,
    ) -> None:
        self.process = process
        self.log = ChildLog()
        self._spec = spec
        self._messages = messages
        self._transport = transport
        self._logging = asyncio.create_task(self._collect_log())
        self._sending: asyncio.Task[None] | None = None

    @classmethod
    async def start(
        cls, preload: Sequence[str], environment: Mapping[str, str], *, max_message: int, nice: int = 0
    ) -> "SpawnedChild":
        """Start a process; it preloads its modules and waits. The caller ends it by `end`."""
        spec_read, spec_write = os.pipe()
        messages_read, messages_write = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "skyulf_service.work.child"),
                *(str(os.getpid()), str(messages_write), str(nice), *preload),
                stdin=spec_read,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                pass_fds=(messages_write,),
                start_new_session=True,
                env=dict(environment),
            )
        except BaseException:
            os.close(spec_write)
            os.close(messages_read)
            raise
        finally:
            os.close(spec_read)
            os.close(messages_write)
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=max_message)
        pipe = os.fdopen(messages_read, "rb", buffering=0)
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
        return cls(process, spec_write, reader, transport)

    @property
    def group(self) -> int:
        """The process group, which is named by the child's pid."""
        return self.process.pid

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self.process.returncode is None

    async def send(self, request: Mapping[str, JsonValue]) -> None:
        """Hand over the request. The pipe stays open: its end tells the child that we are dead."""
        data = json.dumps(request, allow_nan=False).encode() + b"\n"
        self._sending = asyncio.create_task(asyncio.to_thread(_write_all, self._spec, data))
        await asyncio.shield(self._sending)

    async def outcome(
        self,
        on_progress: Callable[[float, str], None],
        on_told: Callable[[dict[str, JsonValue]], Awaitable[None]],
    ) -> dict[str, JsonValue] | None:
        """Listen until the last message and return it; None when the child ends without one.

        Nothing is read while ``on_told`` is at work on an object, so that a child which tells more than it can take
        has to wait. What it raises is raised here.
        """
        while line := await self._messages.readline():
            message = json.loads(line, parse_constant=_refuse)
            if message["type"] == "progress":
                on_progress(float(message["fraction"]), str(message["step"]))
            elif message["type"] == "told":
                if not isinstance(message["value"], dict) or len(line) > MAX_TOLD + _ENVELOPE_BYTES:
                    raise ValueError("what it told is not an object of bounded size")
                await on_told(message["value"])
            elif message["type"] in {"result", "error"}:
                return dict(message)
        return None

    def kill(self) -> None:
        """Kill the whole group at once."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.group, signal.SIGKILL)

    async def end(self) -> None:
        """Kill the whole group, and return when nothing of it is left. May be called again."""
        self.kill()
        await self.process.wait()
        self.kill()  # a member may have been forking when the first signal went round
        await asyncio.to_thread(_await_empty, self.group)
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._logging), _END_SECONDS)
        self._logging.cancel()
        self.log.close()
        self._transport.close()
        if self._sending is not None:
            await self._sending  # else it might write to what gets the number of our pipe next
        if self._spec >= 0:
            os.close(self._spec)
            self._spec = -1

    async def _collect_log(self) -> None:
        output = self.process.stdout
        while output is not None and (data := await output.read(65_536)):
            self.log.feed(data)


def _await_empty(group: int) -> None:
    deadline = time.monotonic() + _END_SECONDS
    while time.monotonic() < deadline:
        # as the first process of a container we inherit orphans, and must not keep them as zombies
        with suppress(ChildProcessError):
            while os.waitpid(-group, os.WNOHANG) != (0, 0):
                continue
        if not group_members(group):
            return
        time.sleep(0.005)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    with suppress(BrokenPipeError):  # it died: its exit tells more
        while view:
            view = view[os.write(descriptor, view) :]


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is not JSON")
