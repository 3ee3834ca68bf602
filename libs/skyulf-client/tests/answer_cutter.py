"""A way to Skyulf on which answers get lost."""

import socket
import struct
import threading
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self


class AnswerCutter:
    """Passes requests on whole; of the answers on its n-th connection ``passes[n]`` bytes, before it resets it.

    None, and every connection beyond the list, passes everything.
    """

    def __init__(self, port: int, passes: Sequence[int | None]) -> None:
        self._target = ("127.0.0.1", port)
        self._passes = list(passes)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.connections = 0

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                allowed = self._passes[self.connections] if self.connections < len(self._passes) else None
                self.connections += 1
                server = socket.create_connection(self._target)
                threading.Thread(target=_copy, args=(client, server, None), daemon=True).start()
                threading.Thread(target=_copy, args=(server, client, allowed), daemon=True).start()


def _copy(source: socket.socket, target: socket.socket, allowed: int | None) -> None:
    with suppress(OSError):
        while chunk := source.recv(65536):
            if allowed is not None and len(chunk) > allowed:
                target.sendall(chunk[:allowed])
                _reset(target)
                break
            target.sendall(chunk)
            allowed = None if allowed is None else allowed - len(chunk)
        _reset(source)
        _reset(target)


def _reset(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)
        connection.close()
