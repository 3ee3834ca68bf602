"""Ports that stay free, and waiting until something answers on one."""

import http.client
import random
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable
from functools import cache
from urllib.parse import urlsplit

# Below the range that the kernel hands to outgoing connections (from 32768): a server that restarts on its port then
# never finds it taken by a client, and a client that dials a closed port never connects to itself.
LOWEST, HIGHEST = 20_000, 32_000


@cache
def given_away() -> deque[int]:
    """Return the ports that this process has given to somebody, who may not listen yet, or not at this moment."""
    return deque(maxlen=(HIGHEST - LOWEST) // 2)


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port that nothing listens on now, and that nobody else was given.

    Raises OSError when none is found in 200 tries.
    """
    for _ in range(200):
        port = random.randint(LOWEST, HIGHEST)  # noqa: S311 - not a secret
        if port in given_away():
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
        given_away().append(port)
        return port
    raise OSError(f"no free port between {LOWEST} and {HIGHEST}")


def answers(host: str, port: int) -> bool:
    """Say whether a TCP connection to the port is accepted."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


def wait_until(
    ready: Callable[[], bool], *, what: str, timeout: float, alive: Callable[[], bool] | None = None
) -> None:
    """Ask every 20 ms until ready. Raises TimeoutError after ``timeout`` seconds, RuntimeError when no longer alive."""
    deadline = time.monotonic() + timeout
    while not ready():
        if alive is not None and not alive():
            raise RuntimeError(f"{what}: the process ended before it was ready")
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not ready after {timeout:g} s")
        time.sleep(0.02)


def wait_for_port(port: int, *, host: str = "127.0.0.1", timeout: float = 30) -> None:
    """Wait until the port accepts a connection. Raises TimeoutError."""
    wait_until(lambda: answers(host, port), what=f"{host}:{port}", timeout=timeout)


def wait_for_http(url: str, *, status: int = 200, timeout: float = 30) -> None:
    """Wait until a GET of the URL answers with the status. Raises TimeoutError."""
    wait_until(lambda: http_status(url) == status, what=url, timeout=timeout)


def http_status(url: str) -> int | None:
    """Return the status of a GET of a URL, None when nothing answers. Certificates are not verified."""
    parts = urlsplit(url)
    host = parts.hostname or "127.0.0.1"
    connection = http.client.HTTPConnection(host, parts.port or 80, timeout=2)
    if parts.scheme == "https":
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(host, parts.port or 443, timeout=2, context=trusting)
    try:
        connection.request("GET", parts.path or "/")
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
