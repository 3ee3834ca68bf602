"""The main program of a child process: one function call, spec in by stdin, messages out by a pipe.

Started as ``python -m skyulf_service.work.child``; see `skyulf_service.work.slots` for the other side. It imports the
standard library only, besides what it is told to preload, and is never trusted by its parent.
"""

import contextlib
import ctypes
import importlib
import io
import json
import math
import os
import select
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Mapping

from skyulf_service.work.failures import FAILED, INVALID_RESULT, OUT_OF_MEMORY, ChildError

_PR_SET_PDEATHSIG = 1
_PROGRESS_SECONDS = 0.05
_MAX_MESSAGE = 2_000
_MAX_STEP = 200
MAX_TOLD = 256 << 10


def main(arguments: list[str]) -> int:
    """Guard, preload, wait for the spec, call, report. Arguments: parent, message fd, niceness, modules."""
    parent, messages, niceness = (int(argument) for argument in arguments[:3])
    die_with_parent(parent)
    os.set_inheritable(messages, False)  # else a grandchild would keep the parent waiting for the end
    guard_group(messages)
    be_first_to_go()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # what was printed before a crash is worth most
    os.nice(niceness)
    for module in arguments[3:]:
        with contextlib.suppress(ImportError):  # the call will say what is missing
            importlib.import_module(module)
    with open(messages, "wb", buffering=0, closefd=False) as pipe:
        send(pipe.write, {"type": "ready"})
        line = sys.stdin.buffer.readline()
        if not line.endswith(b"\n"):
            return 0  # the parent has no use for us
        outcome = call(json.loads(line), pipe.write)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        send(pipe.write, outcome)
    # threads of libraries must not delay the end; what matters has been written
    os._exit(0)


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when the parent dies, even if it is dead already."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def guard_group(messages: int) -> None:
    """Fork a tiny process that kills the whole process group when the parent is gone.

    The kernel's signal reaches this process only, not the workers that it starts; and a thread here could not help,
    because this process is dead by then, or busy in native code. It waits for the hang-up of our stdin, whose other
    end only the parent holds. Forked before any import of weight, so it has one thread and little memory.
    """
    if os.fork():
        return
    for descriptor in (1, 2, messages):
        os.close(descriptor)
    poll = select.poll()
    poll.register(0, 0)  # hang-ups are reported although nothing is asked for, and no data is taken away
    poll.poll()
    os.killpg(0, signal.SIGKILL)


def be_first_to_go() -> None:
    """When the machine runs out of memory, the kernel shall take this process and not the service."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")


def call(request: Mapping[str, object], write: Callable[[bytes], object]) -> dict[str, object]:
    """Call the function that the request names; return the message that tells how it ended."""
    try:
        scratch = str(request["scratch"])
        os.chdir(scratch)
        os.environ["TMPDIR"] = os.environ["JOBLIB_TEMP_FOLDER"] = tempfile.tempdir = scratch
        module, _, name = str(request["function"]).partition(":")
        function = getattr(importlib.import_module(module), name)
        value = function(request["spec"], Reporter(write))
        return result_message(value, int(str(request["max_result"])))
    except ChildError as error:
        return error_message(error.code, error.message)
    except MemoryError:
        return error_message(OUT_OF_MEMORY, "The work needs more memory than there is.")
    except Exception as error:
        traceback.print_exc()
        return error_message(FAILED, f"{type(error).__name__}: {error}")


def result_message(value: object, max_bytes: int) -> dict[str, object]:
    """The message with the result, or the error that it is not finite JSON of bounded size."""
    if not isinstance(value, dict):
        return error_message(INVALID_RESULT, "The result is not an object.")
    try:
        size = len(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        return error_message(INVALID_RESULT, f"The result is not finite JSON: {error}.")
    if size > max_bytes:
        return error_message(INVALID_RESULT, f"The result has {size} bytes; {max_bytes} are allowed.")
    return {"type": "result", "value": value}


def error_message(code: str, message: str) -> dict[str, object]:
    """The message with a failure."""
    return {"type": "error", "code": code, "message": message[:_MAX_MESSAGE]}


def send(write: Callable[[bytes], object], message: dict[str, object]) -> None:
    """Write one JSON line; nobody may be listening any more."""
    data = memoryview(json.dumps(message).encode() + b"\n")
    with contextlib.suppress(BrokenPipeError):
        while data:
            written = write(data.tobytes())
            data = data[written if isinstance(written, int) else len(data) :]


class Reporter:
    """Tells the parent how far the work is: a fraction from 0 to 1 and the name of the step. Threads may share it."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._sent = 0.0
        self._step = ""

    def __call__(self, fraction: float, step: str) -> None:
        """Report; calls that come faster than anybody looks are left out."""
        now = time.monotonic()
        with self._lock:
            if not math.isfinite(fraction) or (step == self._step and now - self._sent < _PROGRESS_SECONDS):
                return
            self._sent, self._step = now, step
            send(self._write, {"type": "progress", "fraction": min(max(fraction, 0.0), 1.0), "step": step[:_MAX_STEP]})

    def tell(self, value: Mapping[str, object]) -> None:
        """Hand an object to the parent while the work goes on; none is left out, and their order is kept.

        It waits where the parent is slower than the work, for that is how what is under way stays bounded. Raises
        `ValueError` for what is not finite JSON, or more than `MAX_TOLD` bytes of it.
        """
        size = len(json.dumps(value, allow_nan=False))
        if size > MAX_TOLD:
            raise ValueError(f"the object has {size} bytes; {MAX_TOLD} are allowed")
        with self._lock:
            send(self._write, {"type": "told", "value": dict(value)})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
