"""The keys of several services, for an installation on several machines or containers."""

from collections.abc import Mapping
from pathlib import Path

from skyulf_service.signing.keys import SigningKey, load_or_create, publish, publish_public


def make_folders(folders: Mapping[str, Path]) -> dict[str, SigningKey]:
    """Give each service's folder its own private key and the public keys of all; return the keys by service.

    Keys that are there stay, so it is harmless to repeat, and completes what was begun. Raises `KeyFileError` where a
    key is damaged or open to others.
    """
    keys = {service: load_or_create(folder, service) for service, folder in folders.items()}
    for folder in folders.values():
        for key in keys.values():
            publish_public(folder, key)
    return keys


def gather(folders: Mapping[str, Path], into: Path) -> dict[str, bytes]:
    """Copy the keys of all services into one folder, as commands expect them: each one's private keys, and the public
    ones that its own folder trusts for it. Returns what `bring_back` wants to know.
    """
    found = _own(folders)
    for name, data in found.items():
        _write(into / name, data)
    return found


def bring_back(gathered: Path, folders: Mapping[str, Path], *, before: Mapping[str, bytes]) -> None:
    """Bring back what a command changed since `gather` returned ``before``, and nothing else: a command may last for
    hours, and what others have rotated meanwhile must not come to life again.
    """
    after = {path.name: path.read_bytes() for path in [*gathered.glob("*.key"), *gathered.glob("*.pub")]}
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    now = _own(folders)
    for name in (now.keys() | after.keys()) - changed:
        if name in now:
            _write(gathered / name, now[name])
        else:
            (gathered / name).unlink()
    spread(gathered, folders)


def spread(gathered: Path, folders: Mapping[str, Path]) -> None:
    """Bring back what a command changed in the gathered folder: private keys to their service, public ones to all.

    What is new is trusted everywhere before anything is signed with it, and trust ends last, so that running processes
    refuse nobody meanwhile. Harmless to repeat, and completes what was broken off.
    """
    public = sorted(gathered.glob("*.pub"))
    current = [gathered / f"{service}.pub" for service in folders if (gathered / f"{service}.pub").exists()]
    for folder in folders.values():
        for path in (each for each in public if each not in current):
            _write(folder / path.name, path.read_bytes())
    for service, folder in folders.items():
        for path in sorted(gathered.glob(f"{service}.*key")):
            _write(folder / path.name, path.read_bytes())
    for folder in folders.values():
        for path in current:
            _write(folder / path.name, path.read_bytes())
        for path in [*folder.glob("*.pub"), *folder.glob("*.key")]:
            if not (gathered / path.name).exists():
                path.unlink()


def _own(folders: Mapping[str, Path]) -> dict[str, bytes]:
    """The keys of each service as its own folder has them, by the names of their files."""
    return {
        path.name: path.read_bytes()
        for service, folder in folders.items()
        for path in sorted([*folder.glob(f"{service}.*key"), *folder.glob(f"{service}.*pub")])
    }


def _write(path: Path, data: bytes) -> None:
    """A key file, unless it is there."""
    if not path.exists() or path.read_bytes() != data:
        publish(path, data, mode=0o600 if path.suffix == ".key" else 0o644, replace=True)
