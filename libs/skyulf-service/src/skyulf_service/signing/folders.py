"""The keys of several services, for an installation on several machines or containers."""

import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from skyulf_service.signing.keys import KeyFileError, SigningKey, load_or_create, publish, publish_public


def make_folders(folders: Mapping[str, Path]) -> dict[str, SigningKey]:
    """Give each service's folder its own private key and the public keys of all; return the keys by service.

    Keys that are there stay, so it is harmless to repeat, and completes what was begun. Raises `KeyFileError` where a
    key is damaged or open to others.
    """
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _alone(list(folders.values())):
        keys = {service: load_or_create(folder, service) for service, folder in folders.items()}
        for folder in folders.values():
            for key in keys.values():
                publish_public(folder, key)
    return keys


def gather(folders: Mapping[str, Path], into: Path) -> dict[str, bytes]:
    """Copy the keys of all services into one folder, as commands expect them: each one's private keys, and the public
    ones that its own folder trusts for it. Returns what `bring_back` wants to know.
    """
    found = {name: data for service, folder in folders.items() for name, data in _keys_of(service, folder).items()}
    for name, data in found.items():
        _write(into / name, data)
    return found


def bring_back(gathered: Path, folders: Mapping[str, Path], *, before: Mapping[str, bytes]) -> None:
    """Bring back the keys of those services that a command changed since `gather` returned ``before``: private keys to
    their service, public ones to all. Of the others nothing is written: a command may last for hours, and what was
    exchanged meanwhile must not come to life again.

    Those that end at once do so one after the other. Raises `KeyFileError`, and writes nothing, where another has
    changed the keys of the same service meanwhile: this one has not seen what that one did.
    """
    changed = [service for service in folders if _keys_of(service, gathered) != _of(service, before)]
    with _alone([folders[service] for service in changed]):
        for service in changed:
            if _keys_of(service, folders[service]) != _of(service, before):
                raise KeyFileError(
                    f"another command has changed the keys of {service} meanwhile; they stay as it left them: "
                    "run this one again"
                )
        for service in changed:
            _spread(service, _keys_of(service, gathered), folders)


def _spread(service: str, keys: Mapping[str, bytes], folders: Mapping[str, Path]) -> None:
    """Give a service's keys to those who have them, and remove its other ones.

    What is new is trusted everywhere before anything is signed with it, and trust ends last, so that running processes
    refuse nobody meanwhile. Harmless to repeat, and completes what was broken off: what the service's own folder says
    is what the next command finds, so there a new key comes first, and an old one goes last.
    """
    own = folders[service]
    others = [folder for folder in folders.values() if folder != own]
    private = {name: data for name, data in keys.items() if name.endswith(".key")}
    current = {name: data for name, data in keys.items() if name == f"{service}.pub"}
    beside = {name: data for name, data in keys.items() if name not in private.keys() | current.keys()}
    for folder in (own, *others):
        _write_all(folder, beside)
    _write_all(own, private)
    for folder in (own, *others):
        _write_all(folder, current)
    for folder in (*others, own):
        for name in _keys_of(service, folder).keys() - keys.keys():
            (folder / name).unlink()


def _of(service: str, keys: Mapping[str, bytes]) -> dict[str, bytes]:
    """What of the keys of all services is this one's."""
    return {name: data for name, data in keys.items() if name.startswith(f"{service}.")}


def _keys_of(service: str, folder: Path) -> dict[str, bytes]:
    """The keys of a service as a folder has them, by the names of their files."""
    files = [*folder.glob(f"{service}.*key"), *folder.glob(f"{service}.*pub")]
    return {path.name: path.read_bytes() for path in sorted(files)}


@contextmanager
def _alone(folders: Sequence[Path]) -> Iterator[None]:
    """While no other process is here with one of these folders; the end of a process ends that too."""
    with ExitStack() as held:
        for folder in sorted(folders):  # in one order: nobody waits for one who waits for him
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            held.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


def _write_all(folder: Path, keys: Mapping[str, bytes]) -> None:
    for name, data in keys.items():
        _write(folder / name, data)


def _write(path: Path, data: bytes) -> None:
    """A key file, unless it is there."""
    if not path.exists() or path.read_bytes() != data:
        publish(path, data, mode=0o600 if path.suffix == ".key" else 0o644, replace=True)
