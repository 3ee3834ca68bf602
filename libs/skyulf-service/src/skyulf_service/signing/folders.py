"""The keys of several services, for an installation on several machines or containers."""

from collections.abc import Mapping
from pathlib import Path

from skyulf_service.signing.keys import SigningKey, load_or_create, publish_public


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
