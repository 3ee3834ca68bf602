"""Functions that tests run in child processes."""

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from pydantic import JsonValue
from skyulf_service.work.child import Reporter
from skyulf_service.work.failures import ChildError

Report = Callable[[float, str], None]
Spec = Mapping[str, JsonValue]


def echo(spec: Spec, report: Report) -> dict[str, JsonValue]:
    report(0.5, "halfway")
    return {"spec": dict(spec), "pid": os.getpid()}


def talk(spec: Spec, report: Reporter) -> dict[str, JsonValue]:
    """Tell numbers from two threads, each with a text of ``size`` characters."""
    size = int(str(spec.get("size", 10)))

    def tell(first: int) -> None:
        for number in range(first, int(str(spec["count"])), 2):
            report.tell({"number": number, "text": "x" * size})
            report(0.5, f"number {number}")

    other = threading.Thread(target=tell, args=(1,))
    other.start()
    tell(0)
    other.join()
    if "end" in spec:
        os._exit(int(str(spec["end"])))
    return {}


def surroundings(spec: Spec, report: Report) -> dict[str, JsonValue]:
    return {
        "variables": [*sorted(os.environ)],
        "folder": os.getcwd(),
        "heavy": [*sorted({"sqlalchemy", "fastapi", "polars"} & set(sys.modules))],
        "preloaded": "colorsys" in sys.modules,
        "nice": os.nice(0),
    }


def chatter(spec: Spec, report: Report) -> dict[str, JsonValue]:
    for n in range(int(str(spec["lines"]))):
        print(f"line {n} " + "x" * 100)
    print("to the error stream", file=sys.stderr)
    return {}


def result(spec: Spec, report: Report) -> dict[str, JsonValue]:
    kind = spec["kind"]
    if kind == "nan":
        return {"score": float("nan")}
    if kind == "large":
        return {"text": "x" * 3_000_000}
    if kind == "list":
        return [1]  # type: ignore[return-value]
    return {"text": object()}  # type: ignore[dict-item]


def refuse(spec: Spec, report: Report) -> dict[str, JsonValue]:
    raise ChildError("target_missing", "The column 'y' is not in the dataset.")


def stumble(spec: Spec, report: Report) -> dict[str, JsonValue]:
    raise RuntimeError("something nobody thought of")


def crash(spec: Spec, report: Report) -> dict[str, JsonValue]:
    if "status" in spec:
        os._exit(int(str(spec["status"])))
    os.kill(os.getpid(), signal.Signals[str(spec["signal"])])
    return {}


def babble(spec: Spec, report: Report) -> dict[str, JsonValue]:
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        with suppress(OSError):
            os.write(descriptor, b"this is not JSON\n")
    time.sleep(60)
    return {}


def nap(spec: Spec, report: Report) -> dict[str, JsonValue]:
    """Sleep for some seconds, in ``kind`` of company, having left a note with the pids."""
    seconds = float(str(spec.get("seconds", 60)))
    pids = [os.getpid(), *company(str(spec.get("company", "none")))]
    note = Path(str(spec["note"])) if "note" in spec else Path("note")
    note.with_suffix(".new").write_text(" ".join(map(str, pids)))
    note.with_suffix(".new").rename(note)
    report(0.1, "napping")
    if spec.get("company") == "hold the interpreter":
        ctypes.PyDLL(None).sleep(int(seconds))  # PyDLL keeps the interpreter's lock, as native code may
    else:
        time.sleep(seconds)
    report(1.0, "rested")
    return {"pids": pids}  # type: ignore[dict-item]


def company(kind: str) -> list[int]:
    if kind == "fork":
        return [_fork(), _fork()]
    if kind == "joblib":
        from joblib import Parallel, delayed

        return sorted(set(Parallel(n_jobs=2)(delayed(slow_pid)() for _ in range(4))))
    return []


def slow_pid() -> int:
    time.sleep(0.2)
    return os.getpid()


def _fork() -> int:
    pid = os.fork()
    if pid:
        return pid
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(120)
    os._exit(0)


def devour(spec: Spec, report: Report) -> dict[str, JsonValue]:
    """Take memory, page by page, up to a bound that is harmless for the machine."""
    for _ in range(int(str(spec.get("workers", 0)))):
        if not os.fork():
            devour({**spec, "workers": 0}, report)
            os._exit(0)
    kept = []
    for n in range(int(str(spec["mib"]))):
        kept.append(bytearray(os.urandom(1) * (1 << 20)))
        if n % 8 == 0:
            time.sleep(0.01)
    time.sleep(float(str(spec.get("seconds", 0))))
    return {"mib": len(kept)}


def give_up(spec: Spec, report: Report) -> dict[str, JsonValue]:
    raise MemoryError
