"""Ask a role of this container how it is: ``python -m skyulf_service.probe SERVICE [ROLE] [PATH]``; exit code 0 or 1.

It is what `HEALTHCHECK` of the images runs, every few seconds in every container, so it imports next to nothing.
"""

import os
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from skyulf_service.ports import PORTS, ROLES, api_port, health_port

SECONDS = 3.0
USAGE = "usage: python -m skyulf_service.probe SERVICE [api|worker|runner] [/readyz|/livez]"
FIRST_PROCESS = Path("/proc/1/cmdline")


def main(arguments: Sequence[str], environ: Mapping[str, str] = os.environ) -> int:
    """Say on standard output what the process answers; 0 where that is 200.

    Without a role it is the one that the container's first process was started with. One that serves nothing and ends
    (``migrate``, ``topics``) is well as long as it runs.
    """
    if not 1 <= len(arguments) <= 3 or arguments[0] not in PORTS:
        print(USAGE)  # noqa: T201 - the answer to a person
        return 2
    service, role, path = (*arguments, "", "")[:3]
    role = role or role_of_container()
    if role != "api" and role not in ROLES:
        return 0
    tls = role == "api" and has_certificate(service, environ)
    answer = ask(port_of(service, role, environ), path or "/readyz", tls=tls)
    print(answer)  # noqa: T201 - shown by `docker inspect`
    return 0 if answer.startswith("200") else 1


def role_of_container(first: Path = FIRST_PROCESS) -> str:
    """Return the last argument of the first process: what the image's entry point was told to run."""
    return first.read_bytes().rstrip(b"\0").rpartition(b"\0")[2].decode()


def port_of(service: str, role: str, environ: Mapping[str, str]) -> int:
    """Return the port that the role listens on, by its setting or by default."""
    name = "PORT" if role == "api" else "HEALTH_PORT"
    said = environ.get(f"SKYULF_{service.upper()}_{name}")
    return int(said) if said else api_port(service) if role == "api" else health_port(service, role)


def has_certificate(service: str, environ: Mapping[str, str]) -> bool:
    """Say whether the service's api is given a certificate: it then serves HTTPS and nothing else."""
    return any(f"SKYULF_{name}TLS_CERT_FILE" in environ for name in ("", f"{service.upper()}_"))


def ask(port: int, path: str, *, tls: bool = False) -> str:
    """Return status and body of the answer, or why there is none.

    A certificate is not verified, as with the probes of Kubernetes: it is for names that this machine has not.
    """
    try:
        with _connected(port, tls=tls) as connection:
            connection.sendall(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode())
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
    except OSError as error:
        return f"no answer from port {port}: {error}"
    head, _, body = answer.partition(b"\r\n\r\n")
    return f"{head.partition(b' ')[2][:3].decode()} {body.decode(errors='replace')}"


def _connected(port: int, *, tls: bool) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
    if not tls:
        return connection
    import ssl  # which takes as long to load as all the rest

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        return context.wrap_socket(connection)
    except OSError:
        connection.close()
        raise


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
