"""PostgreSQL as a process, from the server programs of the system."""

import os
import pwd
import secrets
import shutil
import signal
import socket
import struct
import subprocess
from pathlib import Path
from typing import ClassVar

from skyulf_service.testing import toolchain
from skyulf_service.testing.native import NativeServer
from skyulf_service.testing.ports import free_port

SUPERUSER = "postgres"
PROTOCOL_VERSION = 3 << 16


class NativePostgres(NativeServer):
    """One PostgreSQL server, with password authentication, as user ``postgres`` when the caller is root.

    What was committed survives ``kill``; with ``durable=True``, at the price of fsync, the machine's end as well.
    ``options`` are further server settings. About 1.3 s to make and start.
    """

    kind: ClassVar[str] = "postgres"
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # "fast": open transactions are rolled back
    death_signal: ClassVar[signal.Signals] = signal.SIGQUIT  # "immediate": it ends its children itself

    def __init__(
        self,
        folder: Path | None = None,
        *,
        port: int | None = None,
        durable: bool = False,
        options: dict[str, str] | None = None,
    ) -> None:
        super().__init__(folder)
        self.user = SUPERUSER if os.geteuid() == 0 else None
        self.port = port or free_port()
        self.password = secrets.token_hex(8)
        unsafe = {} if durable else {"fsync": "off", "full_page_writes": "off"}
        self.options = {"max_connections": "200", **unsafe, **(options or {})}
        self.data = self.folder / "data"

    @property
    def url(self) -> str:
        """The superuser's URL (``postgresql://user:password@host:port``), without a database."""
        return f"postgresql://{SUPERUSER}:{self.password}@127.0.0.1:{self.port}"

    def address(self) -> dict[str, str]:
        """Return ``url``, the superuser's."""
        return {"url": self.url}

    def prepare(self) -> None:
        """Make the cluster; only a user that is not root may."""
        if self.user:
            toolchain.postgres_bin()
            owner = pwd.getpwnam(self.user)
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        password_file = self.folder / "password"
        password_file.write_text(self.password)
        if self.user:
            shutil.chown(password_file, self.user)
        initdb = [str(toolchain.postgres_bin() / "initdb"), "-D", str(self.data), "-U", SUPERUSER, "-N"]
        authentication = ["-A", "scram-sha-256", f"--pwfile={password_file}", "-E", "UTF8", "--locale=C.UTF-8"]
        with self.log.open("ab") as output:
            subprocess.run(  # noqa: S603
                [*initdb, *authentication], check=True, stdout=output, stderr=output, cwd=self.folder, user=self.user
            )

    def command(self) -> list[str]:
        """Return the server's command."""
        settings = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            **self.options,
        }
        flags = [flag for name, value in settings.items() for flag in ("-c", f"{name}={value}")]
        return [str(toolchain.postgres_bin() / "postgres"), "-D", str(self.data), *flags]

    def ready(self) -> bool:
        """Say whether the server accepts sessions."""
        return answers_postgres("127.0.0.1", self.port)

    def crash(self) -> None:
        """Restart of the "immediate" kind: all connections drop, no shutdown, recovery at the next ``start``."""
        if self.process is not None and self.alive():
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(self.stop_timeout)


def answers_postgres(host: str, port: int) -> bool:
    """Say whether a server accepts sessions: it asks for a password instead of reporting that it is starting up."""
    parameters = b"user\0postgres\0database\0postgres\0\0"
    try:
        with socket.create_connection((host, port), timeout=2) as connection:
            connection.sendall(struct.pack(">ii", len(parameters) + 8, PROTOCOL_VERSION) + parameters)
            return connection.recv(1) == b"R"
    except OSError:
        return False
