"""The demo's own Skyulf: the embedded form in a child process, which ends with the demo however that ends."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from skyulf_client import Credentials, SkyulfClientError, find_credentials

PR_SET_PDEATHSIG = 1
START_SECONDS = 60
END_SECONDS = 15
LOG_LINES = 12


@contextmanager
def own_server(home: Path) -> Iterator[Credentials]:
    """Start Skyulf on a free port with ``home`` as its data folder; end it at the end of the block."""
    home.mkdir(parents=True, exist_ok=True)
    log, port = home / "server.log", _free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SKYULF_")}
    with log.open("wb") as output:
        # a session of its own: Ctrl-C is for the demo, which then ends the server in order
        process = subprocess.Popen(  # noqa: S603 - ourselves
            [sys.executable, "-m", "skyulf_standalone.demo_server", str(os.getpid()), "up", "--port", str(port)],
            env={**kept, "SKYULF_HOME": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_until_ready(process, f"http://127.0.0.1:{port}", log)
        yield find_credentials(f"http://127.0.0.1:{port}", _key_of(home), home=home)
    finally:
        _end(process)


def _wait_until_ready(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise SkyulfClientError(f"Skyulf ended with {process.returncode} while starting:\n{_tail(log)}")
        try:
            if httpx.get(f"{url}/readyz", timeout=2.0, trust_env=False).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise SkyulfClientError(f"Skyulf was not ready within {START_SECONDS} s:\n{_tail(log)}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()  # its children end with it
        process.wait()


def _key_of(home: Path) -> str:
    return find_credentials(home=home).api_key


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES:])


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def main() -> None:
    """Become a server that is asked to end when its parent ends: ``PARENT_PID COMMAND…``."""
    from skyulf_standalone.commands import main as commands

    parent = int(sys.argv.pop(1))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the demo ended before its server started")
    commands()


if __name__ == "__main__":
    main()
