"""The servers of one test session: each is started once, at the first wish, by the process that outlives all others.

Under pytest-xdist that is the controller. Its workers ask it over a Unix socket, so that a worker that crashes takes no
server with it, and that the controller can end all of them in one place.
"""

import contextlib
import json
import shutil
import socket
import tempfile
import threading
from pathlib import Path
from typing import Literal, Protocol

from skyulf_service.testing.servers import Kind, Server, choose

Action = Literal["start", "stop", "kill"]


class ServerFailedError(RuntimeError):
    """A server could not be started or stopped; the text says why."""


class Hub(Protocol):
    """Starts, stops and kills the session's servers."""

    def do(self, kind: Kind, action: Action) -> dict[str, str]:
        """Bring the server into the state and return its address. Raises ServerFailedError."""


class LocalHub:
    """Holds the servers themselves."""

    def __init__(self) -> None:
        self.servers: dict[Kind, Server] = {}
        self.lock = threading.Lock()
        self.listener: socket.socket | None = None
        self.folder: Path | None = None

    def do(self, kind: Kind, action: Action) -> dict[str, str]:
        """Bring the server into the state and return its address. Raises ServerFailedError."""
        with self.lock:
            server = self.servers.get(kind) or choose(kind)
            self.servers[kind] = server
            try:
                {"start": server.start, "stop": server.stop, "kill": server.kill}[action]()
            except Exception as error:
                raise ServerFailedError(f"{kind}: {action} failed: {error}") from error
            return server.address()

    def listen(self) -> str:
        """Answer the workers from now on; returns the path of the socket."""
        if self.listener is None or self.folder is None:
            self.folder = Path(tempfile.mkdtemp(prefix="skyulf-hub-"))
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(str(self.folder / "socket"))
            self.listener.listen(64)
            threading.Thread(target=self.serve, args=(self.listener,), daemon=True, name="server-hub").start()
        return str(self.folder / "socket")

    def serve(self, listener: socket.socket) -> None:
        """Answer one request after the other until the listener is closed."""
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                self.answer(connection)

    def answer(self, connection: socket.socket) -> None:
        """Answer one request: a line ``kind action``; the reply is the address or an error, as JSON."""
        kind, action = connection.makefile().readline().split()
        try:
            reply = {"address": self.do(kind, action)}  # type: ignore[arg-type]  # both come from RemoteHub.do
        except ServerFailedError as error:
            reply = {"error": {"message": str(error)}}
        connection.sendall(json.dumps(reply).encode())

    def close(self) -> None:
        """End all servers and stop listening."""
        if self.listener is not None:
            self.listener.close()
        with self.lock:
            for server in self.servers.values():
                server.close()
            self.servers.clear()
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


class RemoteHub:
    """Asks the hub of the controller."""

    def __init__(self, path: str) -> None:
        self.path = path

    def do(self, kind: Kind, action: Action) -> dict[str, str]:
        """Bring the server into the state and return its address. Raises ServerFailedError."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self.path)
            connection.sendall(f"{kind} {action}\n".encode())
            reply: dict[str, dict[str, str]] = json.loads(connection.makefile().read())
        if "error" in reply:
            raise ServerFailedError(reply["error"]["message"])
        return reply["address"]
