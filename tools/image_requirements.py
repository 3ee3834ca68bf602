"""What each image installs: ``requirements/images/<name>.txt``, cut out of ``requirements/all.txt``.

A service's image needs what its package declares, through our own packages. Of `skyulf_core`, which declares all that a
data scientist needs, services import a part: `PARTS` names it. ``tests/images`` runs each service with nothing else.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
ALL = "requirements/all.txt"
FOLDER = "requirements/images"
SERVICES = ("gateway", "ingestion", "pipeline", "registry", "inference")
CORE = "skyulf-core"
# what images are: markers are decided for them, not for the machine that writes the files
LINUX = {
    "python_version": "3.11",
    "python_full_version": "3.11.2",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "os_name": "posix",
    "platform_machine": "x86_64",
}
# plans may hold any node: what an operation needs of a library has to be there when the model is served
SERVING = ("numpy", "google-re2", "h3", "rapidfuzz")
TRAINING = ("polars", "pydantic", "scikit-learn", "scipy", f"{CORE}[boosting,imbalanced,tuning]")
PARTS: Mapping[str, tuple[str, ...]] = {"inference": SERVING, "pipeline": (*SERVING, *TRAINING)}
OTHERS: Mapping[str, tuple[str, ...]] = {
    # wheels of our own packages are built without isolation
    "build": ("hatchling",),
    # what PIPELINE_EXTRAS may add to the image of the pipeline service
    "pipeline-viz": (f"{CORE}[viz]",),
    # the `skyulf` command: its operations speak to databases, objects, Kafka and the gateway, and train nothing
    "operate": ("skyulf-client", "skyulf-gateway", "skyulf-registry", "polars", *SERVING),
}
Wanted = tuple[str, str]
"""A package and one of its extras, or no extra."""


def image_requirements() -> dict[str, str]:
    """Return the text of every file by its path."""
    pins, own = _pins((ROOT / ALL).read_text()), _own_packages()
    roots = {name: (f"skyulf-{name}", *PARTS.get(name, ())) for name in SERVICES} | dict(OTHERS)
    return {f"{FOLDER}/{name}.txt": _file(wanted, pins, own) for name, wanted in roots.items()}


def _file(wanted: tuple[str, ...], pins: Mapping[str, str], own: Mapping[str, Path]) -> str:
    names = {name for name, _ in _closure(wanted, own)} - own.keys()
    if missing := names - pins.keys():
        raise SystemExit(f"{ALL} has no {', '.join(sorted(missing))}")
    return "# Made by `make requirements` from all.txt.\n" + "".join(pins[name] for name in sorted(names))


def _closure(wanted: tuple[str, ...], own: Mapping[str, Path]) -> set[Wanted]:
    waiting = [pair for each in wanted for pair in _pairs(Requirement(each))]
    found: set[Wanted] = set()
    while waiting:
        name, extra = pair = waiting.pop()
        # of the library only what is named: its extras, but not what it declares for everybody
        if pair not in found and pair != (CORE, ""):
            found.add(pair)
            waiting += [each for line in _requires(name, extra, own) for each in _pairs(line)]
    return found


def _pairs(line: Requirement) -> list[Wanted]:
    name = canonicalize_name(line.name)
    return [(name, ""), *((name, extra) for extra in sorted(line.extras))]


def _requires(name: str, extra: str, own: Mapping[str, Path]) -> Iterator[Requirement]:
    if name in own:
        project = tomllib.loads(own[name].read_text())["project"]
        lines = project.get("optional-dependencies", {}).get(extra, []) if extra else project.get("dependencies", [])
        yield from map(Requirement, lines)
        return
    for line in map(Requirement, requires(name) or ()):
        if line.marker is None or line.marker.evaluate({**LINUX, "extra": extra}):
            yield line


def _own_packages() -> dict[str, Path]:
    files = [*ROOT.glob("libs/*/pyproject.toml"), *ROOT.glob("services/*/pyproject.toml")]
    return {str(tomllib.loads(file.read_text())["project"]["name"]): file for file in files}


def _pins(text: str) -> dict[str, str]:
    """Return name, version and hashes of every package, of several versions the one for images."""
    found = re.finditer(r"^(\S+==\S+(?: ; [^\\\n]+)?)[ \\]*(?:\n +--hash=.*)+\n?", text, re.MULTILINE)
    pins = [(Requirement(each[1]), each[0]) for each in found]
    return {
        canonicalize_name(pin.name): block for pin, block in pins if pin.marker is None or pin.marker.evaluate(LINUX)
    }
