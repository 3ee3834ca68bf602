"""What a service says to what its pods are told."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import pytest
from k8s.configuration_policies import environment_of
from k8s.manifests import Manifests, Workload
from k8s.pods import mounted
from pydantic import ValidationError
from pydantic_settings import SettingsError
from skyulf_service.signing.keys import KeyFileError

KEYS = "SKYULF_KEYS_DIR"


@contextmanager
def told(manifests: Manifests, workload: Workload, folder: Path) -> Iterator[dict[str, Path]]:
    """Have a pod's environment, and no other setting, for the block; gives where each file that it mounts is."""
    files = mounted(manifests, workload, folder)
    with pytest.MonkeyPatch.context() as environment:
        for name in [name for name in os.environ if name.startswith("SKYULF_")]:
            environment.delenv(name)
        for name, value in environment_of(manifests, workload.main).items():
            here = folder / value.lstrip("/") if name == KEYS else files.get(value, value)
            environment.setenv(name, str(here))
        yield files


def refusals(manifests: Manifests, folder: Path) -> dict[str, str]:
    """Why pods of ours would end before they asked any server for anything, by the name of what makes them."""
    found: dict[str, str] = {}
    for workload in manifests.ours():
        with told(manifests, workload, folder / workload.name) as files:
            keys = Path(os.environ[KEYS])
            try:
                import_module(f"skyulf_{workload.service}.main").SERVICE.open()
            except (ValidationError, SettingsError, KeyFileError) as error:
                found[workload.name] = str(error)
            # a missing key is made, which the folder of a pod does not allow
            if made := {str(path) for path in keys.iterdir()} - {str(path) for path in files.values()}:
                found[workload.name] = f"it writes {sorted(made)}"
    return found
