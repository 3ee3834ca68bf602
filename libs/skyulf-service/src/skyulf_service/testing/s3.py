"""An S3 server as a process: versitygw on a folder."""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from skyulf_service.testing import toolchain
from skyulf_service.testing.native import NativeServer
from skyulf_service.testing.ports import free_port, http_status


class NativeS3(NativeServer):
    """One S3 server without TLS: ``endpoint`` (``host:port``), ``access_key``, ``secret_key``, ``region``."""

    kind: ClassVar[str] = "s3"
    region: ClassVar[str] = "us-east-1"

    def __init__(self, folder: Path | None = None, *, port: int | None = None) -> None:
        super().__init__(folder)
        self.port = port or free_port()
        self.access_key = f"test{secrets.token_hex(6)}"
        self.secret_key = secrets.token_hex(20)
        self.data = self.folder / "data"

    @property
    def endpoint(self) -> str:
        """The server's address, ``host:port``."""
        return f"127.0.0.1:{self.port}"

    def address(self) -> dict[str, str]:
        """Return ``endpoint``, ``access_key`` and ``secret_key``."""
        return {"endpoint": self.endpoint, "access_key": self.access_key, "secret_key": self.secret_key}

    def environment(self) -> Mapping[str, str]:
        """Return the root account."""
        return {"ROOT_ACCESS_KEY": self.access_key, "ROOT_SECRET_KEY": self.secret_key}

    def prepare(self) -> None:
        """Make the folders of objects and of their metadata."""
        self.data.mkdir(parents=True, exist_ok=True)
        (self.folder / "meta").mkdir(exist_ok=True)

    def command(self) -> list[str]:
        """Return the server's command; quiet, because its access log is of no use here."""
        posix = ["posix", "--sidecar", str(self.folder / "meta"), str(self.data)]
        return [str(toolchain.versitygw()), "--port", self.endpoint, "--quiet", *posix]

    def ready(self) -> bool:
        """Say whether the server answers HTTP, even with a refusal."""
        return http_status(f"http://{self.endpoint}/") is not None
