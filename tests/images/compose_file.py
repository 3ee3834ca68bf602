"""The compose file as tests read it: anchors resolved, nothing interpolated."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
Definition = Mapping[str, Any]


def compose() -> Definition:
    """Return the whole file."""
    found: Definition = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return found


def services() -> dict[str, Definition]:
    """Return its services by name."""
    return dict(compose()["services"])


def ours() -> dict[str, Definition]:
    """Return those that run one of our images as it is meant to be run: a role of a service."""
    return {name: each for name, each in services().items() if is_ours(each) and "entrypoint" not in each}


def is_ours(service: Definition) -> bool:
    """Say whether it runs an image that is built here."""
    return str(service["image"]).startswith("skyulf/")


def service_of(definition: Definition) -> str:
    """Return the name of the service whose image it is: ``registry`` of ``skyulf/registry:0.1.0``."""
    return str(definition["image"]).partition("/")[2].partition(":")[0]


def ends(definition: Definition) -> bool:
    """Say whether the container does something and ends."""
    return definition.get("restart") == "no"


def dependencies(definition: Definition) -> Iterator[tuple[str, str]]:
    """List what is waited for, and until when."""
    for name, each in definition.get("depends_on", {}).items():
        yield name, each["condition"]
