"""Passwords and keys of an installation with compose, made at the first start: ``make_secrets.py /made --user 10001``.

Below the folder every container has a volume of its own, so that each sees what it may know and nothing else. What is
there stays: it is harmless to repeat.
"""

import argparse
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from skyulf_gateway.domain.keys import KeyMaterial
from skyulf_service.ports import PORTS
from skyulf_service.signing.folders import make_folders

WITH_OBJECTS = ("ingestion", "pipeline", "inference")
FIRST_START = Path(__file__).with_name("databases.sh")
FOR_THEIR_CONTAINER = 0o444  # PostgreSQL is a user of its own in a container that nobody else's files reach


def main() -> None:
    """Fill the volumes, as the user of the services where that is said."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("made", type=Path, help="Folder below which the volumes are")
    parser.add_argument("--user", type=int, help="Whose the volumes become")
    arguments = parser.parse_args()
    made: Path = arguments.made
    if arguments.user is not None:
        become_owner([*made.iterdir()], arguments.user)
    os.umask(0o022)
    first_start(made / "postgres-first-start")
    password_of(made, "superuser")
    access, secret = s3_account(made / "s3")
    for service in PORTS:
        folder = made / service / "secrets"
        folder.mkdir(mode=0o700, exist_ok=True)
        user = f"skyulf_{service}"
        write(folder / "database_url", f"postgresql+asyncpg://{user}:{password_of(made, service)}@postgres:5432/{user}")
        if service in WITH_OBJECTS:
            write(folder / "s3_access_key", access)
            write(folder / "s3_secret_key", secret)
    kept(made / "gateway" / "secrets" / "admin_key", lambda: KeyMaterial.new().text)
    make_folders({service: made / service / "keys" for service in PORTS})


def become_owner(volumes: list[Path], user: int) -> None:
    """Give the volumes to a user, and go on as that one."""
    for volume in volumes:
        os.chown(volume, user, user)
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)


def password_of(made: Path, name: str) -> str:
    """Return the password of a service's database role, or of the superuser."""
    return kept(made / "postgres" / name, lambda: secrets.token_urlsafe(32), mode=FOR_THEIR_CONTAINER)


def first_start(folder: Path) -> None:
    """Give PostgreSQL's container what it runs at its first start; this release's, so it is written each time."""
    folder.mkdir(mode=0o755, exist_ok=True)
    write(folder / FIRST_START.name, FIRST_START.read_text().rstrip("\n"), mode=0o555)


def s3_account(folder: Path) -> tuple[str, str]:
    """Return access key and secret key of the object store."""
    access = kept(folder / "access_key", lambda: f"skyulf{secrets.token_hex(8)}")
    return access, kept(folder / "secret_key", lambda: secrets.token_hex(32))


def kept(path: Path, make: Callable[[], str], *, mode: int = 0o400) -> str:
    """Return what the file holds, made at the first call."""
    if not path.exists():
        write(path, make(), mode=mode)
    return path.read_text().strip()


def write(path: Path, text: str, *, mode: int = 0o400) -> None:
    """Put a whole file in its place."""
    aside = path.with_name(f".{path.name}.new")
    aside.unlink(missing_ok=True)
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)


if __name__ == "__main__":
    main()
