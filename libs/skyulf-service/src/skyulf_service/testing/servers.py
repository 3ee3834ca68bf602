"""Which server the tests get: an address of the environment, a container, or a process of this machine."""

import os
import sys
from collections.abc import Callable
from functools import cache
from typing import Literal, Protocol
from urllib.parse import urlsplit

from skyulf_service.testing import toolchain
from skyulf_service.testing.kafka import NativeKafka
from skyulf_service.testing.postgres import NativePostgres
from skyulf_service.testing.s3 import NativeS3

Kind = Literal["kafka", "postgres", "s3"]
KINDS: tuple[Kind, ...] = ("kafka", "postgres", "s3")
NATIVE: dict[Kind, Callable[[], "Server"]] = {"kafka": NativeKafka, "postgres": NativePostgres, "s3": NativeS3}
INSTALL: dict[Kind, Callable[[], object]] = {
    "kafka": toolchain.kafka_jars,
    "postgres": toolchain.postgres_bin,
    "s3": toolchain.versitygw,
}


class Server(Protocol):
    """What the session does with a server; all calls block."""

    def start(self) -> None:
        """Start it (again) at the same address and wait until it serves; nothing when it runs."""

    def stop(self) -> None:
        """Shut it down properly."""

    def kill(self) -> None:
        """End it with SIGKILL."""

    def close(self) -> None:
        """End it for good."""

    def address(self) -> dict[str, str]:
        """Return what a client needs, as text."""


def choose(kind: Kind) -> Server:
    """Return the server of this kind, not started: from the environment, as a container, or native."""
    given = os.environ.get(f"SKYULF_TEST_{kind.upper()}")
    if given:
        return ExternalServer(kind, given)
    if docker_answers():
        from skyulf_service.testing.containers import ContainerServer

        return ContainerServer(kind)
    return NATIVE[kind]()


@cache
def docker_answers() -> bool:
    """Say whether a Docker engine answers; ``SKYULF_TEST_DOCKER=0`` says no without asking."""
    if os.environ.get("SKYULF_TEST_DOCKER") == "0":
        return False
    try:
        import docker

        return bool(docker.from_env(timeout=2).ping())
    except Exception:  # docker's client fails in many ways (no socket, no rights, old engine): all mean "no"
        return False


class ExternalServer:
    """A server that somebody else runs.

    ``SKYULF_TEST_KAFKA=host:port``, ``SKYULF_TEST_POSTGRES=postgresql://user:password@host:port``,
    ``SKYULF_TEST_S3=http://access:secret@host:port``.
    """

    def __init__(self, kind: Kind, given: str) -> None:
        self.kind, self.given = kind, given

    def address(self) -> dict[str, str]:
        """Return what a client needs, as text."""
        if self.kind == "kafka":
            return {"bootstrap": self.given}
        if self.kind == "postgres":
            return {"url": self.given.rstrip("/")}
        parts = urlsplit(self.given)
        return {
            "endpoint": f"{parts.hostname}:{parts.port}",
            "access_key": parts.username or "",
            "secret_key": parts.password or "",
        }

    def start(self) -> None:
        """Do nothing: it runs."""

    def stop(self) -> None:
        """Refuse: it is not ours."""
        raise RuntimeError(
            f"the {self.kind} server at {self.given} is not the tests' own and cannot be stopped by them"
        )

    def kill(self) -> None:
        """Refuse: it is not ours."""
        self.stop()

    def close(self) -> None:
        """Do nothing: it goes on."""


def main() -> None:
    """Install what the tests start beside Python: the native servers where they will use them, and kustomize."""
    for kind in KINDS:
        if not os.environ.get(f"SKYULF_TEST_{kind.upper()}") and not docker_answers():
            sys.stdout.write(f"test server {kind}: {INSTALL[kind]()}\n")
    sys.stdout.write(f"kustomize: {toolchain.kustomize()}\n")
    sys.stdout.write(f"test server prometheus: {toolchain.prometheus()}\n")


if __name__ == "__main__":
    main()
