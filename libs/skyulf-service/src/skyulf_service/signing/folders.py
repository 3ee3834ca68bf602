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


def gather(folders: Mapping[str, Path], into: Path) -> None:
    """Copy the keys of all services into one folder, as commands expect them: each one's private keys, and the public
    ones that its own folder trusts for it.
    """
    for service, folder in folders.items():
        for path in sorted([*folder.glob(f"{service}.*key"), *folder.glob(f"{service}.*pub")]):
            _copy(path, into)


def spread(gathered: Path, folders: Mapping[str, Path]) -> None:
    """Bring back what a command changed in the gathered folder: private keys to their service, public ones to all.

    What is new is trusted everywhere before anything is signed with it, and trust ends last, so that running processes
    refuse nobody meanwhile. Harmless to repeat, and completes what was broken off.
    """
    public = sorted(gathered.glob("*.pub"))
    current = [gathered / f"{service}.pub" for service in folders if (gathered / f"{service}.pub").exists()]
    for folder in folders.values():
        for path in (each for each in public if each not in current):
            _copy(path, folder)
    for service, folder in folders.items():
        for path in sorted(gathered.glob(f"{service}.*key")):
            _copy(path, folder)
    for folder in folders.values():
        for path in current:
            _copy(path, folder)
        for path in [*folder.glob("*.pub"), *folder.glob("*.key")]:
            if not (gathered / path.name).exists():
                path.unlink()


def _copy(path: Path, folder: Path) -> None:
    """A key file into a folder, unless it is there."""
    target, data = folder / path.name, path.read_bytes()
    if not target.exists() or target.read_bytes() != data:
        publish(target, data, mode=0o600 if path.suffix == ".key" else 0o644, replace=True)
